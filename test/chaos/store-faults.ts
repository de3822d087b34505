import type { Direction } from "../support/tcp-proxy";
import type { DirectorNode } from "./fabric";
import { oneOf, type FaultKind, type FaultParts, type Injected } from "./fault";
import { restartInOrder } from "./worker-faults";

const LANE = "directors and store";
/** Longer than a leader keeps its key without renewing it, so that another one must take over. */
const OUTLIVES_LEADER = 18;

/** With the leader's name, if it is hit. */
async function onDirector(
  parts: FaultParts,
  { id }: DirectorNode,
  how: { readonly stopsCalls: boolean },
  inject: () => void | Promise<void>,
  heal: () => void | Promise<void>,
): Promise<Injected> {
  const leads = (await parts.leader()) === id;
  await inject();
  const effect = { ...(how.stopsCalls ? { directors: [id] } : {}), ...(leads ? { leader: id } : {}) };
  return { target: leads ? `${id}, the leader` : id, effect, heal: async () => heal() };
}

async function leading(parts: FaultParts): Promise<DirectorNode> {
  const { directors } = parts.fabric;
  const leader = await parts.leader();
  return directors.find(({ id }) => id === leader) ?? directors[0]!;
}

function etcdBlackHole(direction: Direction): FaultKind {
  return {
    name: `etcd black hole ${direction === "toServer" ? "from" : "to"} a director`,
    lane: LANE,
    holdIntervals: 14,
    inject: (parts, random) => {
      const director = oneOf(parts.fabric.directors, random);
      return onDirector(
        parts,
        director,
        { stopsCalls: false },
        () => director.toEtcd.forEach((proxy) => proxy.pause(direction)),
        () => director.toEtcd.forEach((proxy) => proxy.resume(direction)),
      );
    },
  };
}

export const STORE_FAULTS: readonly FaultKind[] = [
  {
    name: "director SIGKILL",
    lane: LANE,
    holdIntervals: 6,
    inject: (parts, random) => {
      const director = oneOf(parts.fabric.directors, random);
      const { program } = director;
      return onDirector(
        parts,
        director,
        { stopsCalls: true },
        () => program.kill(),
        () => program.start(),
      );
    },
  },
  {
    name: "leading director SIGKILL",
    lane: LANE,
    holdIntervals: OUTLIVES_LEADER,
    inject: async (parts) => {
      const director = await leading(parts);
      const { program } = director;
      return onDirector(
        parts,
        director,
        { stopsCalls: true },
        () => program.kill(),
        () => program.start(),
      );
    },
  },
  {
    name: "leading director SIGSTOP",
    lane: LANE,
    holdIntervals: OUTLIVES_LEADER,
    inject: async (parts) => {
      const director = await leading(parts);
      const { program } = director;
      return onDirector(
        parts,
        director,
        { stopsCalls: true },
        () => program.freeze(),
        () => program.thaw(),
      );
    },
  },
  {
    name: "director SIGSTOP",
    lane: LANE,
    holdIntervals: 8,
    inject: (parts, random) => {
      const director = oneOf(parts.fabric.directors, random);
      const { program } = director;
      return onDirector(
        parts,
        director,
        { stopsCalls: true },
        () => program.freeze(),
        () => program.thaw(),
      );
    },
  },
  {
    name: "directors SIGTERM, one after the other",
    lane: LANE,
    holdIntervals: 0,
    inject: async ({ fabric }) => {
      for (const director of fabric.directors) await restartInOrder(director);
      return {
        target: "all",
        effect: { directors: fabric.directors.map(({ id }) => id) },
        heal: () => Promise.resolve(),
      };
    },
  },
  {
    name: "director's address black hole",
    lane: LANE,
    holdIntervals: 10,
    inject: (parts, random) => {
      const director = oneOf(parts.fabric.directors, random);
      return onDirector(
        { ...parts, leader: () => Promise.resolve("") },
        director,
        { stopsCalls: true },
        () => director.front.pause("toClient"),
        () => director.front.resume("toClient"),
      );
    },
  },
  etcdBlackHole("toServer"),
  etcdBlackHole("toClient"),
  {
    name: "leading director cut off from etcd",
    lane: LANE,
    holdIntervals: OUTLIVES_LEADER,
    inject: async (parts) => {
      const director = await leading(parts);
      return onDirector(
        parts,
        director,
        { stopsCalls: false },
        () => director.toEtcd.forEach((proxy) => proxy.refuse()),
        () => director.toEtcd.forEach((proxy) => proxy.accept()),
      );
    },
  },
  {
    name: "etcd link slow",
    lane: LANE,
    holdIntervals: 10,
    inject: (parts, random) => {
      const { id, toEtcd } = oneOf(parts.fabric.directors, random);
      for (const proxy of toEtcd) proxy.delay(300);
      const heal = () => Promise.resolve(toEtcd.forEach((proxy) => proxy.delay(0)));
      return Promise.resolve({ target: id, effect: {}, heal });
    },
  },
  {
    name: "etcd member SIGKILL",
    lane: LANE,
    holdIntervals: 8,
    inject: async ({ fabric }, random) => {
      const member = oneOf(fabric.etcd, random);
      await member.kill();
      return { target: member.name, effect: {}, heal: () => member.restart() };
    },
  },
  {
    name: "etcd leader SIGKILL",
    lane: LANE,
    holdIntervals: 8,
    inject: async ({ fabric }) => {
      const member = (await fabric.etcdLeader()) ?? fabric.etcd[0]!;
      await member.kill();
      return { target: member.name, effect: {}, heal: () => member.restart() };
    },
  },
  {
    name: "etcd member SIGSTOP",
    lane: LANE,
    holdIntervals: 10,
    inject: ({ fabric }, random) => {
      const member = oneOf(fabric.etcd, random);
      member.freeze();
      return Promise.resolve({ target: member.name, effect: {}, heal: () => Promise.resolve(member.thaw()) });
    },
  },
  {
    name: "all of etcd stopped",
    lane: LANE,
    holdIntervals: OUTLIVES_LEADER,
    inject: async ({ fabric }) => {
      await Promise.all(fabric.etcd.map((member) => member.kill()));
      const heal = async () => void (await Promise.all(fabric.etcd.map((member) => member.restart())));
      return { target: "all", effect: {}, heal };
    },
  },
  {
    name: "all of etcd SIGSTOP",
    lane: LANE,
    holdIntervals: OUTLIVES_LEADER,
    inject: ({ fabric }) => {
      for (const member of fabric.etcd) member.freeze();
      const heal = () => Promise.resolve(fabric.etcd.forEach((member) => member.thaw()));
      return Promise.resolve({ target: "all", effect: {}, heal });
    },
  },
  {
    name: "etcd compaction while a director is cut off",
    lane: LANE,
    holdIntervals: 4,
    inject: async (parts, random) => {
      const director = oneOf(parts.fabric.directors, random);
      return onDirector(
        { ...parts, leader: () => Promise.resolve("") },
        director,
        { stopsCalls: false },
        () => director.toEtcd.forEach((proxy) => proxy.refuse()),
        async () => {
          await (await parts.fabric.etcdLeader())?.compact();
          director.toEtcd.forEach((proxy) => proxy.accept());
        },
      );
    },
  },
];

/** Of the director that keeps its own record, on a disk small enough to be filled. */
export const DISK_FAULTS: readonly FaultKind[] = [
  {
    name: "disk of an embedded store full",
    lane: LANE,
    holdIntervals: 6,
    inject: async ({ embedded }) => {
      await embedded?.fillDisk();
      return { target: "the director with a store of its own", effect: {}, heal: async () => embedded?.freeDisk() };
    },
  },
];
