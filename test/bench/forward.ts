/**
 * What deciding about a call costs, without what carries it: the path of a call through CallRouter, forwardCall, Dispatcher,
 * Balancer and the accounting of its endpoint, between two in-memory ends. In microseconds of CPU time and bytes of heap for
 * each call.
 *
 * Method: 64 calls at a time, as a few reads of sockets would bring them: all requests, then all answers. "ends alone" is the
 * same with the two ends joined directly, and is taken off the other figures. Rounds visit every case in a new random order; the
 * figure is the median of the rounds. Heap is measured afterwards, between two forced collections: they throw away compiled code,
 * so that rounds after one measure the compiler (docs/decisions/0007-forced-collections-in-benchmarks.md).
 *
 * Run: make bench-forward. The last line is one JSON object.
 */
import { cpus } from "node:os";
import { Balancer } from "../../src/balancing/balancer";
import { Dispatcher } from "../../src/balancing/dispatcher";
import type {
  CallEnd,
  CallListener,
  CallStart,
  Connection,
  IncomingCall,
  IncomingListener,
  OutgoingCall,
} from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { NO_LOAD, NO_RESOURCES, type MemberRecord } from "../../src/core/member";
import { seededRandom } from "../../src/core/random";
import { Status } from "../../src/core/status";
import { CallRouter } from "../../src/director/call-router";
import { CallMeter } from "../../src/director/measures/call-meter";
import { PooledEndpoint } from "../../src/director/worker-pool";
import { systemClock } from "../../src/platform/system-clock";
import { FramedMessages } from "../../src/rpc/framing/framed-messages";

const AIM_US = 3;
const ROUNDS = 31;
const WARM_UP_ROUNDS = 10;
const CALLS = 6_400;
const HEAP_ROUNDS = 5;
/** So few that the young generation holds all they allocate. */
const HEAP_CALLS = 1_280;
const IN_FLIGHT = 64;
const WORKERS = 10;
const SERVICE = "bench.EchoService";
const MESSAGE = Buffer.alloc(105);

const random = seededRandom(20_265);

interface Case {
  readonly name: string;
  readonly answers: number;
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

const CASES: readonly Case[] = [
  { name: "unary", answers: 1 },
  {
    name: "unary, 4 metadata",
    answers: 1,
    metadata: { authorization: "Bearer x", "x-request-id": "1", a: "1", b: "2" },
  },
  { name: "unary, deadline", answers: 1, timeoutMs: 5_000 },
  { name: "unary, selector", answers: 1, metadata: { "heddle-match": "shard=1" } },
  { name: "100 answers", answers: 100 },
];

/** The worker's end: every call that was half-closed waits here until it is answered. */
class AnsweringConnection implements Connection {
  readonly address = "10.0.0.1:1";
  readonly #waiting: CallListener[] = [];
  readonly #answers: number;
  readonly #headers = new CallMetadata();
  readonly #end: CallEnd = { status: Status.OK, message: "", trailers: new CallMetadata() };

  constructor(answers: number) {
    this.#answers = answers;
  }

  start(_call: CallStart, listener: CallListener): OutgoingCall {
    return new Outgoing(listener, this.#waiting);
  }

  answerAll(): void {
    for (const listener of this.#waiting.splice(0)) {
      listener.headers(this.#headers);
      for (let count = 0; count < this.#answers; count += 1) listener.message(MESSAGE);
      listener.ended(this.#end);
    }
  }

  isReady(): boolean {
    return true;
  }

  onReadiness(): void {}

  close(): void {}
}

class Outgoing implements OutgoingCall {
  readonly #listener: CallListener;
  readonly #waiting: CallListener[];

  constructor(listener: CallListener, waiting: CallListener[]) {
    this.#listener = listener;
    this.#waiting = waiting;
  }

  send(): boolean {
    return true;
  }

  halfClose(): void {
    this.#waiting.push(this.#listener);
  }

  cancel(): void {}

  pause(): void {}

  resume(): void {}
}

let finished = 0;
let received = 0;

/** The caller's end. */
class Incoming implements IncomingCall {
  readonly path = `/${SERVICE}/Echo`;
  readonly peer = "10.0.0.2:1";
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  #listener: IncomingListener | undefined;

  constructor(metadata: CallMetadata, timeoutMs: number | undefined) {
    this.metadata = metadata;
    this.timeoutMs = timeoutMs;
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
  }

  request(): void {
    this.#listener!.message(MESSAGE);
    this.#listener!.halfClosed();
  }

  sendHeaders(): void {}

  send(): boolean {
    received += 1;
    return true;
  }

  finish({ status }: Omit<CallEnd, "error">): void {
    if (status === Status.OK) finished += 1;
  }

  pause(): void {}

  resume(): void {}
}

/** Runs calls through `route` and checks that all were answered. */
async function run(
  { name, answers, timeoutMs, metadata = {} }: Case,
  connections: readonly AnsweringConnection[],
  route: (call: Incoming) => void,
  calls: number,
): Promise<void> {
  finished = 0;
  received = 0;
  for (let begun = 0; begun < calls; begun += IN_FLIGHT) {
    for (let count = 0; count < IN_FLIGHT; count += 1) {
      const call = new Incoming(CallMetadata.of(metadata), timeoutMs);
      route(call);
      call.request();
    }
    await new Promise(setImmediate);
    for (const connection of connections) connection.answerAll();
    await new Promise(setImmediate);
  }
  if (finished !== calls || received !== calls * answers)
    throw new Error(`${name}: ${finished} of ${calls} calls ended well`);
}

function record(index: number): MemberRecord {
  return {
    memberId: `worker-${index}`,
    label: "",
    address: `10.0.0.1:${index}`,
    incarnation: 1,
    services: [SERVICE],
    descriptorSetHash: "",
    slots: 0,
    tags: { role: "worker", shard: String(index % 2) },
    resources: NO_RESOURCES,
    role: "worker",
    version: "bench",
    dataKeepalive: true,
    liveness: { kind: "attached" },
    state: "alive",
    stateReason: "",
    stateSinceUnixMs: 0,
    joinedAtUnixMs: 0,
    homeDirectorId: "",
  };
}

type Runner = (calls: number) => Promise<void>;

function throughRouter(each: Case): Runner {
  const balancer = new Balancer<PooledEndpoint>({ random });
  const connections = Array.from({ length: WORKERS }, () => new AnsweringConnection(each.answers));
  balancer.publish(
    connections.map((connection, index) => {
      const member = record(index);
      const traits = { ...member, standby: false, reportedLoad: NO_LOAD };
      return new PooledEndpoint(member, connection, traits, { clock: systemClock, slowStartMs: 0 });
    }),
  );
  const observer = new CallMeter({ clock: systemClock, isKnown: () => true, isMember: () => true });
  const dispatcher = new Dispatcher<PooledEndpoint>({ balancer, clock: systemClock, random, observer });
  const traits = { requestStream: false, responseStream: false, idempotent: false, resumable: false };
  const router = new CallRouter({
    clock: systemClock,
    random,
    directorId: "director-127.0.0.1-61000",
    dispatcher,
    contracts: { traits: () => traits },
    retryBufferBytes: 256 * 1024,
    retryMemoryBytes: 32 << 20,
    resumeLimits: { attemptsMax: 3, windowMs: 30_000 },
    newCutter: () => new FramedMessages(),
  });
  return (calls) => run(each, connections, (call) => router.route(call), calls);
}

/** The two ends joined by nothing but what both must have: the floor. */
function endsAlone(each: Case): Runner {
  const connection = new AnsweringConnection(each.answers);
  const route = (call: Incoming) => {
    const outgoing = connection.start(
      { path: call.path, metadata: call.metadata },
      {
        headers: () => call.sendHeaders(),
        message: () => void call.send(),
        ended: (end) => call.finish(end),
      },
    );
    call.listen({
      message: () => void outgoing.send(MESSAGE),
      halfClosed: () => outgoing.halfClose(),
      cancelled: () => outgoing.cancel(),
    });
  };
  return (calls) => run(each, [connection], route, calls);
}

async function cpuUs(runCalls: Runner): Promise<number> {
  const cpu = process.cpuUsage();
  await runCalls(CALLS);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / CALLS;
}

async function heapBytes(runCalls: Runner): Promise<number> {
  await runCalls(HEAP_CALLS);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  await runCalls(HEAP_CALLS);
  return (process.memoryUsage().heapUsed - before) / HEAP_CALLS;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

interface Subject {
  readonly runCalls: Runner;
  readonly cpuUs: number[];
  readonly heapBytes: number[];
}

const subject = (runCalls: Runner): Subject => ({ runCalls, cpuUs: [], heapBytes: [] });

async function main(): Promise<void> {
  const pairs = CASES.map((each) => ({
    name: each.name,
    all: subject(throughRouter(each)),
    ends: subject(endsAlone(each)),
  }));
  const subjects = pairs.flatMap(({ all, ends }) => [all, ends]);
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    for (const { runCalls, cpuUs: figures } of shuffled(subjects)) {
      const figure = await cpuUs(runCalls);
      if (round >= 0) figures.push(figure);
    }
  }
  for (let round = 0; round < HEAP_ROUNDS; round += 1) {
    for (const { runCalls, heapBytes: figures } of shuffled(subjects)) figures.push(await heapBytes(runCalls));
  }

  console.log(
    `${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}, median of ${ROUNDS} interleaved rounds\n`,
  );
  const print = (name: string, ...cells: string[]) =>
    console.log(name.padEnd(22) + cells.map((cell) => cell.padStart(16)).join(""));
  print("per call", "CPU, µs", "of it ends, µs", "net, µs", "net heap, bytes");
  const forward: Record<string, { cpuUs: number; heapBytes: number }> = {};
  for (const { name, all, ends } of pairs) {
    const [allUs, endsUs] = [median(all.cpuUs), median(ends.cpuUs)];
    const heap = Math.round(median(all.heapBytes) - median(ends.heapBytes));
    print(name, allUs.toFixed(2), endsUs.toFixed(2), (allUs - endsUs).toFixed(2), String(heap));
    forward[name] = { cpuUs: Math.round(100 * (allUs - endsUs)) / 100, heapBytes: heap };
  }
  print("aim for unary", "", "", `<= ${AIM_US}`);
  console.log(JSON.stringify({ forward }));
}

void main();
