import { Balancer } from "../../../src/balancing/balancer";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import { forwardCall, type ConnectedEndpoint } from "../../../src/balancing/forward-call";
import { RetryMemory } from "../../../src/balancing/retry-memory";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
import { localCall } from "../../../src/client/local-call";
import type { CallEnd, CallStart, Connection, MethodTraits } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { HEDDLE_KEYS, routingOf } from "../../../src/core/heddle-metadata";
import { NO_LOAD } from "../../../src/core/member";
import { WholeMessages } from "../../../src/core/message-cutter";
import { seededRandom } from "../../../src/core/random";
import { CallRouter } from "../../../src/director/call-router";
import { PooledEndpoint } from "../../../src/director/worker-pool";
import { ManualClock } from "../../../src/testing/manual-clock";
import { FAULT_POINTS, type FaultPoint, FaultyWorker } from "../../support/faulty-worker";
import { aliveWorker } from "../../support/one-worker-director";

/** `keyed` knows which life of its worker is there, from a call before; `first` is the first with a key that goes there. */
type Kind = "idempotent" | "not" | "keyed" | "first";
type Way = "direct" | "director";

/** Attempts that reached a worker's connection, runs of the handler, and what the caller is told. */
type Row = readonly [attempts: number, executed: number, told: string];

const OK = "OK";
const LOST = "WORKER_LOST, maybe";
const LOST_AFTER_ACCEPTED = "WORKER_LOST, yes";
const again: Row = [2, 1, OK];

const TABLE: Readonly<Record<FaultPoint, Readonly<Record<Kind, Row>>>> = {
  "before connect": { idempotent: again, not: again, keyed: again, first: again },
  refused: { idempotent: again, not: again, keyed: again, first: again },
  "before the request is out": { idempotent: again, not: [1, 0, LOST], keyed: again, first: [1, 0, LOST] },
  "after the request, before accepted": {
    idempotent: [2, 2, OK],
    not: [1, 1, LOST],
    keyed: again,
    first: [1, 1, LOST],
  },
  "after accepted": {
    idempotent: [2, 2, OK],
    not: [1, 1, LOST_AFTER_ACCEPTED],
    keyed: again,
    first: again,
  },
  "after the answer's headers": onlyOnce(),
  "within the answer's message": onlyOnce(),
  "after the last message, before trailers": onlyOnce(),
};

/** The caller has a part of the answer: whatever the kind, that was it. */
function onlyOnce(): Readonly<Record<Kind, Row>> {
  const row: Row = [1, 1, LOST_AFTER_ACCEPTED];
  return { idempotent: row, not: row, keyed: row, first: row };
}

const SERVICE = "a.B";
const METHOD = "a.B/C";
const parts = () => ({ clock: new ManualClock(), random: seededRandom(1) });

interface Rig {
  /** In the order in which they are picked. */
  readonly workers: readonly FaultyWorker[];
  call(kind: Kind, key: string): Promise<CallEnd>;
  inFlight(): number;
}

class DirectEndpoint extends TrackedEndpoint implements ConnectedEndpoint {
  readonly connection: Connection;
  life: string | undefined = undefined;

  constructor(memberId: string, connection: Connection, clock: ManualClock) {
    super(memberId, { services: [SERVICE] }, { clock, slowStartMs: 0 });
    this.connection = connection;
  }
}

const traitsOf = (kind: Kind): MethodTraits => ({
  requestStream: false,
  responseStream: false,
  idempotent: kind === "idempotent",
  resumable: false,
});

function startOf(kind: Kind, key: string): CallStart {
  const metadata = CallMetadata.of({ [HEDDLE_KEYS.accept]: "1" });
  if (kind === "keyed" || kind === "first") metadata.set(HEDDLE_KEYS.idempotencyKey, key);
  return { path: `/${METHOD}`, metadata };
}

function makeCall(start: CallStart, forward: (incoming: ReturnType<typeof localCall>["incoming"]) => void) {
  return new Promise<CallEnd>((resolve) => {
    const { outgoing, incoming } = localCall(start, { headers: () => {}, message: () => {}, ended: resolve });
    forward(incoming);
    outgoing.send(Buffer.from("request"));
    outgoing.halfClose();
  });
}

const RETRIES = { retryBufferBytes: 65_536, retryMemory: new RetryMemory(Infinity) };

function direct(): Rig {
  const { clock, random } = parts();
  const workers = ["w1", "w2"].map((memberId) => new FaultyWorker(clock, memberId));
  const endpoints = workers.map((worker, at) => new DirectEndpoint(`w${at + 1}`, worker, clock));
  const balancer = new Balancer<DirectEndpoint>({ random });
  balancer.publish(endpoints);
  const dispatcher = new Dispatcher({ balancer, clock, random });
  return {
    workers,
    call: (kind, key) => {
      const start = startOf(kind, key);
      const { idempotent } = traitsOf(kind);
      const request = { method: METHOD, idempotent, ...routingOf(start.metadata) };
      return makeCall(start, (incoming) =>
        forwardCall(incoming, { ...RETRIES, dispatcher, request, metadata: start.metadata, wantsAcceptance: true }),
      );
    },
    inFlight: () => endpoints.reduce((sum, { inFlight }) => sum + inFlight, dispatcher.counts.inFlight),
  };
}

function throughDirector(): Rig {
  const { clock, random } = parts();
  const workers = ["w1", "w2"].map((memberId) => new FaultyWorker(clock, memberId));
  const pooled = workers.map((worker, at) => {
    const record = aliveWorker(worker.address, [SERVICE], `w${at + 1}`);
    const traits = { ...record, standby: false, reportedLoad: NO_LOAD };
    return new PooledEndpoint(record, worker, traits, { clock, slowStartMs: 0 });
  });
  const balancer = new Balancer<PooledEndpoint>({ random });
  balancer.publish(pooled);
  const dispatcher = new Dispatcher({ balancer, clock, random });
  let traits = traitsOf("not");
  const router = new CallRouter({
    directorId: "d1",
    dispatcher,
    contracts: { traits: () => traits },
    retryBufferBytes: 65_536,
    retryMemoryBytes: 1 << 20,
    clock,
    random,
    resumeLimits: { attemptsMax: 3, windowMs: 30_000 },
    newCutter: () => new WholeMessages(),
  });
  // The client's side: one director, which is no worker, so that no life of a worker is known of it.
  const link: Connection = {
    address: "d1:1",
    start: (start, listener) => {
      const later: typeof listener = {
        accepted: (by) => queueMicrotask(() => listener.accepted?.(by)),
        headers: (metadata) => queueMicrotask(() => listener.headers(metadata)),
        message: (bytes) => queueMicrotask(() => listener.message(bytes)),
        ended: (end) => queueMicrotask(() => listener.ended(end)),
      };
      const { outgoing, incoming } = localCall(start, later);
      router.route(incoming);
      return outgoing;
    },
    isReady: () => true,
    onReadiness: () => {},
    close: () => {},
  };
  const directors = new Balancer<DirectEndpoint>({ random });
  const director = new DirectEndpoint("d1", link, clock);
  directors.publish([director]);
  // One attempt: what is counted are the director's.
  const proxy = new Dispatcher({ balancer: directors, clock, random, attemptsMax: 1 });
  return {
    workers,
    call: (kind, key) => {
      traits = traitsOf(kind);
      const start = startOf(kind, key);
      const isKeyed = kind === "keyed" || kind === "first";
      const request = { method: METHOD, idempotent: traits.idempotent, ...(isKeyed ? { idempotencyKey: key } : {}) };
      return makeCall(start, (incoming) =>
        forwardCall(incoming, {
          ...RETRIES,
          dispatcher: proxy,
          request,
          metadata: start.metadata,
          wantsAcceptance: true,
        }),
      );
    },
    inFlight: () =>
      pooled.reduce((sum, { inFlight }) => sum + inFlight, dispatcher.counts.inFlight + director.inFlight),
  };
}

const RIGS: Readonly<Record<Way, () => Rig>> = { direct, director: throughDirector };

const total = (workers: readonly FaultyWorker[], what: "executed" | "attempts") =>
  workers.reduce((sum, worker) => sum + worker[what], 0);

const told = ({ error }: CallEnd) => (error === undefined ? OK : `${error.code}, ${error.executed}`);

/** One call is struck at `point`, wherever it goes first. */
async function struck(way: Way, kind: Kind, point: FaultPoint) {
  const rig = RIGS[way]();
  const { workers } = rig;
  // Two keys of two owners, so that both lives are known.
  if (kind === "keyed") {
    for (let number = 0; workers.some(({ executed }) => executed === 0); number += 1) {
      await rig.call("keyed", `before ${number}`);
    }
  }
  const before = [total(workers, "attempts"), total(workers, "executed")] as const;
  // Only the first attempt is struck, at whichever worker.
  for (const worker of workers) worker.faults.push(point);
  const original = workers.map((worker) => worker.start.bind(worker));
  workers.forEach((worker, at) => {
    worker.start = (call, listener) => {
      for (const other of workers) if (other !== worker) other.faults.length = 0;
      return original[at]!(call, listener);
    };
  });
  const end = await rig.call(kind, "k");
  await new Promise((resolve) => setImmediate(resolve)); // what still runs ends
  const row: Row = [total(workers, "attempts") - before[0], total(workers, "executed") - before[1], told(end)];
  return { rig, row };
}

describe.each(["direct", "director"] as const)("a fault at each point of a call, %s", (way) => {
  const cases = FAULT_POINTS.flatMap((point) =>
    (["idempotent", "not", "keyed", "first"] as const).map((kind) => [point, kind] as const),
  );

  it.each(cases)("%s, %s: attempts, runs and error are those of the table", async (point, kind) => {
    const { rig, row } = await struck(way, kind, point);
    expect(row).toEqual(TABLE[point][kind]);
    expect([rig.inFlight(), ...rig.workers.map(({ inFlight }) => inFlight)]).toEqual([0, 0, 0]);
  });

  it("the table runs a method twice only where its contract says that it may", () => {
    const executed = (kind: Kind) => FAULT_POINTS.map((point) => TABLE[point][kind][1]);
    expect([executed("not"), executed("keyed"), executed("first")].flat().filter((runs) => runs > 1)).toEqual([]);
    expect(executed("idempotent")).toContain(2);
  });

  it("the caller's own repeat of a call that was lost in its answer gets the answer, and runs nothing", async () => {
    const { rig } = await struck(way, "keyed", "within the answer's message");
    const before = total(rig.workers, "executed");
    const end = await rig.call("keyed", "k");
    expect([told(end), end.trailers.text("heddle-repeated"), total(rig.workers, "executed")]).toEqual([
      OK,
      "1",
      before,
    ]);
  });
});
