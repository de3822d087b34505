import type { Random } from "../../src/core/random";
import type { Direction, TcpProxy } from "../support/tcp-proxy";
import type { Fabric, WorkerNode } from "./fabric";
import { oneOf, type FaultKind, type Injected } from "./fault";

const LANE = "workers and clients";
/** A slow link: a packet each way takes this much longer. */
const DELAY_MS = 80;
/** A narrow link: the calls of this load just get through. */
const BYTES_PER_SECOND = 20_000;

const DIRECTIONS: readonly Direction[] = ["toServer", "toClient"];

/** On the worker's own address, by which directors and clients call it. */
function onData(name: string, spoil: (proxy: TcpProxy) => void, mend: (proxy: TcpProxy) => void, isUnusable: boolean) {
  return {
    name,
    lane: LANE,
    holdIntervals: 12,
    inject: ({ fabric }: { fabric: Fabric }, random: Random): Promise<Injected> => {
      const { label, data } = oneOf(fabric.workers, random);
      spoil(data);
      const heal = () => Promise.resolve(mend(data));
      return Promise.resolve({ target: label, effect: isUnusable ? { worker: label } : {}, heal });
    },
  } satisfies FaultKind;
}

/**
 * On the ways by which a worker attaches, all of them; the directors' own addresses, which they tell it, are left to it. Calls still reach it.
 */
function onAttach(direction: Direction) {
  return {
    name: `attach black hole ${direction === "toServer" ? "to the director" : "to the worker"}`,
    lane: LANE,
    holdIntervals: 12,
    inject: ({ fabric }: { fabric: Fabric }, random: Random): Promise<Injected> => {
      const { label, toDirectors } = oneOf(fabric.workers, random);
      for (const proxy of toDirectors) proxy.pause(direction);
      const heal = () => Promise.resolve(toDirectors.forEach((proxy) => proxy.resume(direction)));
      return Promise.resolve({ target: label, effect: {}, heal });
    },
  } satisfies FaultKind;
}

export const WORKER_FAULTS: readonly FaultKind[] = [
  {
    name: "worker SIGKILL",
    lane: LANE,
    holdIntervals: 6,
    inject: async ({ fabric }, random) => {
      const { label, program } = oneOf(fabric.workers, random);
      await program.kill();
      return { target: label, effect: { worker: label }, heal: () => program.start() };
    },
  },
  {
    name: "worker SIGSTOP",
    lane: LANE,
    holdIntervals: 14,
    inject: ({ fabric }, random) => {
      const { label, program } = oneOf(fabric.workers, random);
      program.freeze();
      return Promise.resolve({
        target: label,
        effect: { worker: label },
        heal: () => Promise.resolve(program.thaw()),
      });
    },
  },
  ...DIRECTIONS.map((direction) =>
    onData(
      `data black hole ${direction === "toServer" ? "to" : "from"} the worker`,
      (proxy) => proxy.pause(direction),
      (proxy) => proxy.resume(direction),
      true,
    ),
  ),
  onData(
    "data link slow",
    (proxy) => proxy.delay(DELAY_MS),
    (proxy) => proxy.delay(0),
    false,
  ),
  onData(
    "data link narrow",
    (proxy) => proxy.throttle(BYTES_PER_SECOND),
    (proxy) => proxy.throttle(0),
    false,
  ),
  onData(
    "data link reset",
    (proxy) => proxy.refuse(),
    (proxy) => proxy.accept(),
    true,
  ),
  ...DIRECTIONS.map(onAttach),
  {
    name: "attach links reset",
    lane: LANE,
    holdIntervals: 2,
    inject: ({ fabric }, random) => {
      const { label, toDirectors } = oneOf(fabric.workers, random);
      for (const proxy of toDirectors) proxy.cut();
      return Promise.resolve({ target: label, effect: {}, heal: () => Promise.resolve() });
    },
  },
  {
    name: "workers SIGTERM, one after the other",
    lane: LANE,
    holdIntervals: 0,
    inject: async ({ fabric }, random) => {
      const first = oneOf(fabric.workers, random);
      const second = oneOf(
        fabric.workers.filter((worker) => worker !== first),
        random,
      );
      for (const { program } of [first, second]) await restartInOrder({ program });
      return { target: `${first.label}, ${second.label}`, effect: {}, heal: () => Promise.resolve() };
    },
  },
  {
    name: "client SIGSTOP",
    lane: LANE,
    holdIntervals: 8,
    inject: ({ fabric }, random) => {
      const { name, program } = oneOf(fabric.clients, random);
      program.freeze();
      return Promise.resolve({
        target: name,
        effect: { client: name },
        heal: () => Promise.resolve(program.thaw()),
      });
    },
  },
  {
    name: "client clock moved by an hour",
    lane: LANE,
    holdIntervals: 4,
    inject: ({ fabric }) => {
      // Not grpc-js: its deadlines are times of day, and none of ours to keep.
      const { name, program } = fabric.clients.at(-1)!;
      program.signal("SIGUSR2");
      return Promise.resolve({ target: name, effect: {}, heal: () => Promise.resolve(program.signal("SIGUSR2")) });
    },
  },
];

/** With a network of its own the cable can be pulled. */
export const NAMESPACE_FAULTS: readonly FaultKind[] = [
  {
    name: "worker's link down",
    lane: LANE,
    holdIntervals: 12,
    inject: async ({ fabric }) => {
      const { label } = fabric.workers.at(-1)!;
      await fabric.namespace?.down();
      return { target: label, effect: { worker: label }, heal: async () => fabric.namespace?.up() };
    },
  },
];

export async function restartInOrder({ program }: Pick<WorkerNode, "program">): Promise<void> {
  await program.stop();
  await program.start();
}
