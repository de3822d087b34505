import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { type CallMetadata, type ConnectOptions, CallMetadata as Metadata, Status } from "../../src/api/index";
import type { FabricError } from "../../src/core/errors";
import { MessageQueue } from "../../src/core/message-queue";
import { type CallOptions } from "../../src/rpc/service/typed-client";
import { Cluster, STORES, type Started } from "../support/cluster";
import { eventually } from "../support/processes";
import { protoDefinition } from "../support/proto-definition";

jest.setTimeout(60_000);

const CONTRACT = resolve("test/e2e/contract");
const PROTO = ["worker", "--proto", join(CONTRACT, "ledger.proto"), "--handlers", join(CONTRACT, "ledger.js")];

interface Entry {
  readonly text?: string;
  readonly number?: number;
  readonly blob?: Uint8Array;
}

/** The service's methods by name, for a client that has no generated code. */
interface Ledger {
  unary(method: string, entry: Entry, options?: CallOptions): Promise<Required<Entry>>;
  stream(
    method: string,
    entries: AsyncIterable<Entry> | Entry[] | Entry,
    options?: CallOptions,
  ): Promise<Required<Entry>[]>;
  open(method: string, entries: AsyncIterable<Entry>, options?: CallOptions): AsyncIterable<Required<Entry>>;
}

describe.each(STORES)("calls through the director, on %s", (store) => {
  let cluster: Cluster;
  let director: Started;
  let workers: Started[];
  let ledger: Ledger;
  let file: string;

  beforeAll(async () => {
    cluster = await Cluster.open(store);
    file = join(await cluster.processes.folder, "ledger.txt");
    director = await cluster.director({ env: { HEDDLE_QUEUE_TIMEOUT_MS: "700" } });
    const env = { LEDGER_FILE: file };
    const inThreads = { ...env, WORKER_THREADS: "2" };
    workers = await Promise.all([
      cluster.worker("a", { env, args: PROTO }),
      cluster.worker("b", { env: inThreads, args: PROTO }),
    ]);
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
    ledger = ledgerOf({});
  });

  afterAll(async () => {
    await cluster.close();
  });

  function ledgerOf(options: ConnectOptions): Ledger {
    const client = cluster.connect(options);
    const definition = protoDefinition(join(CONTRACT, "ledger.proto"));
    const typed = client.client(definition) as unknown as Record<
      string,
      (request: unknown, options?: CallOptions) => unknown
    >;
    const open = (method: string, request: unknown, callOptions?: CallOptions) =>
      typed[method]!(request, callOptions) as AsyncIterable<Required<Entry>>;
    return {
      unary: (method, entry, callOptions) => typed[method]!(entry, callOptions) as Promise<Required<Entry>>,
      open,
      stream: async (method, request, callOptions) => {
        const answers: Required<Entry>[] = [];
        for await (const answer of open(method, request, callOptions)) answers.push(answer);
        return answers;
      },
    };
  }

  const lines = async () => (await readFile(file, "utf8").catch(() => "")).split("\n").slice(0, -1);

  it("all four kinds of call pass, for a service the director was never compiled with", async () => {
    expect((await ledger.unary("append", { text: "one" })).text).toMatch(/^one by [ab]$/);
    const listed = await ledger.stream("list", { number: 500 });
    expect(listed.map(({ number }) => number)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    const numbers = Array.from({ length: 300 }, (_, index) => ({ number: index }));
    expect(await ledger.unary("sum", numbers as never)).toMatchObject({ number: 44_850 });

    const sent = new MessageQueue<Entry>();
    sent.push({ text: "hello" });
    const answers: string[] = [];
    for await (const { text } of ledger.open("chat", sent)) {
      answers.push(text);
      // The next message goes out only after the answer to the one before: the streams are not buffered to their end.
      if (answers.length < 3) sent.push({ text: `again ${answers.length}` });
      else sent.end();
    }
    expect(answers).toEqual(["hello!", "again 1!", "again 2!"]);
  });

  it("metadata goes both ways, the routing keys stay at the director, and the deadline arrives shortened", async () => {
    let headers: CallMetadata | undefined;
    let trailers: CallMetadata | undefined;
    const { text, number } = await ledger.unary(
      "reflect",
      {},
      {
        timeoutMs: 9_000,
        metadata: { "x-mine": "value", "heddle-match": "role=worker", "heddle-policy": "random" },
        onHeaders: (received) => (headers = received),
        onTrailers: (received) => (trailers = received),
      },
    );
    expect(text).toMatch(/x-mine.* value$/);
    expect(text).not.toMatch(/heddle-match|heddle-policy/);
    expect(number).toBeLessThanOrEqual(9_000);
    expect(number).toBeGreaterThan(5_000);
    expect(headers?.text("x-header")).toBe("sent");
    expect(Buffer.from(trailers?.bytes("x-trailer-bin") ?? []).toString("hex")).toBe("00ff");
  });

  it("a status of the worker's choice arrives with its message, its details and its trailers", async () => {
    let trailers = new Metadata();
    const failure = await ledger.unary("reject", {}, { onTrailers: (received) => (trailers = received) }).then(
      () => undefined,
      (error: unknown) => error as FabricError,
    );
    expect(failure).toMatchObject({ code: "REMOTE", status: Status.FAILED_PRECONDITION });
    expect(failure?.message).toBe("[REMOTE] not now: 50 % done");
    expect(Buffer.from(trailers.bytes("grpc-status-details-bin") ?? []).toString("hex")).toBe("080912076e6f74206e6f77");
    expect(trailers.text("x-trailer")).toBe("kept");
    expect(trailers.text("heddle-worker")).toMatch(/^[ab]$/);
    expect(trailers.text("heddle-attempts")).toBe("1");
  });

  it("a cancel and a passed deadline reach the worker's handler", async () => {
    const count = async (word: string) => (await lines()).filter((line) => line === word).length;
    const cancel = new AbortController();
    const cancelled = ledger.unary("hang", {}, { signal: cancel.signal }).catch((error: Error) => error.message);
    await eventually("the handler runs", async () => (await count("begun")) === 1);
    cancel.abort();
    expect(await cancelled).toContain("[CANCELLED]");
    await eventually("the handler is cancelled", async () => (await count("cancelled")) === 1);
    await expect(ledger.unary("hang", {}, { timeoutMs: 300 })).rejects.toThrow(/\[DEADLINE_EXCEEDED\]/);
    await eventually("the handler is cancelled again", async () => (await count("cancelled")) === 2);
  });

  it("a message over the limit ends its own call with the limit's name, and the connection goes on", async () => {
    const load = ledger.stream("list", { number: 2_000 });
    const huge = ledger.unary("append", { blob: new Uint8Array(5 * 1024 * 1024) });
    await expect(huge).rejects.toThrow(/larger than max|MESSAGE_TOO_LARGE/);
    expect((await ledger.unary("append", { text: "small" })).text).toMatch(/^small by/);
    expect(await load).toHaveLength(2_000);
    expect((await lines()).filter((line) => line === "")).toEqual([]);
  });

  it("a call that may have run and is not idempotent is not run again when its worker dies", async () => {
    const call = ledger.unary("append", { text: "once", number: 20_000 }).catch((error: Error) => error.message);
    await eventually("the call runs", async () => (await lines()).includes("once"));
    const { perMember } = await cluster.connect().director.getStats({});
    const busy = perMember.findIndex(({ inFlight }) => inFlight > 0);
    await workers[busy]?.process.kill();
    expect(await call).toMatch(/\[WORKER_LOST\] worker [ab]: /);
    expect((await lines()).filter((line) => line === "once")).toHaveLength(1);
    const label = ["a", "b"][busy] ?? "";
    const address = workers[busy]?.address ?? "";
    workers[busy] = await cluster.worker(label, { address, env: { LEDGER_FILE: file }, args: PROTO });
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
  });

  it("SIGTERM lets a worker finish what it has, fails no call, and ends with 0", async () => {
    // By name: a worker that has just come back would be given few, or none.
    const to = (index: number) => ({ metadata: { "heddle-worker": index % 2 === 0 ? "a" : "b" } });
    const calls = Array.from({ length: 8 }, (_, index) =>
      ledger.unary("append", { text: `d${index}`, number: 700 }, to(index)),
    );
    await eventually(
      () => `all calls run: ${workers[0]?.process.output}`,
      async () => (await lines()).filter((line) => /^d\d$/.test(line)).length === 8,
    );
    const stopped = workers[0]!.process.stop();
    const during = Promise.all(Array.from({ length: 30 }, () => ledger.unary("append", { text: "during" })));
    const { director: operator } = cluster.connect();
    await eventually("the director gives it no more calls", async () =>
      (await operator.listMembers({})).members.some(({ memberId, ready }) => memberId === "a" && !ready),
    );
    const after = await Promise.all(Array.from({ length: 10 }, () => ledger.unary("append", { text: "after" })));
    expect(new Set(after.map(({ text }) => text))).toEqual(new Set(["after by b"]));
    expect(await stopped).toEqual({ code: 0, signal: null });
    await Promise.all([...calls, during]);
    await workers[0]!.process.whenLogsInOrder([/🚪 draining: [1-9] calls in flight/, "👋 worker stopped"]);
    const env = { LEDGER_FILE: file };
    workers[0] = await cluster.worker("a", { address: workers[0]!.address, env, args: PROTO });
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
  });

  it("an operator's intent takes a worker out and brings it back, without a failed call", async () => {
    const { director: operator } = cluster.connect();
    const answering = async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ledger.unary("append", { text: "intent" })));
      return [...new Set(answers.map(({ text }) => text.slice(-1)))].sort().join("");
    };
    for (const [kind, name] of [
      [2, "cordoned"],
      [3, "draining"],
      [4, "maintenance"],
    ] as const) {
      const { member } = await operator.setIntent({ memberId: "a", kind, reason: "work", setBy: "ann" });
      expect(member).toMatchObject({ ready: false, notReadyReason: `operator: ${name} (work)` });
      expect(await answering()).toBe("b");
    }
    await operator.setIntent({ memberId: "a", kind: 5 });
    expect(await answering()).toBe("b");
    await operator.setIntent({ memberId: "b", kind: 2 });
    expect(await answering()).toBe("a");
    for (const memberId of ["a", "b"]) await operator.setIntent({ memberId, kind: 1 });
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
    expect(await answering()).toBe("ab");
  });

  it("without a ready worker a call is held, goes to the one that comes in time, else fails naming each with its reason", async () => {
    const { director: operator } = cluster.connect();
    for (const memberId of ["a", "b"]) await operator.setIntent({ memberId, kind: 4, reason: "night" });
    await expect(ledger.unary("append", { text: "never" })).rejects.toThrow(
      /\[NO_READY_WORKER\] No workers available for ledger\.v1\.LedgerService\/Append: 2 workers exist: a \(operator: maintenance \(night\)\), b \(operator: maintenance \(night\)\)/,
    );
    const held = ledger.unary("append", { text: "held" });
    await eventually("the call is held", async () => (await operator.getStats({})).queued === 1, { everyMs: 5 });
    await operator.setIntent({ memberId: "a", kind: 1 });
    expect((await held).text).toBe("held by a");
    await operator.setIntent({ memberId: "b", kind: 1 });
    const unknown = cluster
      .connect()
      .client({ ...protoDefinition(join(CONTRACT, "ledger.proto")), fullName: "nobody.v1.KnowsService" });
    const call = (unknown as unknown as Record<string, (entry: Entry) => Promise<Entry>>)["append"]!({});
    await expect(call).rejects.toThrow(/\[UNKNOWN_SERVICE\] no worker serves nobody\.v1\.KnowsService/);
  });

  it("SIGTERM lets a director finish the calls it relays, and ends with 0", async () => {
    const call = ledgerOf({ mode: "proxy" })
      .unary("append", { text: "last", number: 700 })
      .then(
        ({ text }) => text,
        (error: Error) => `${error.message}\n${director.process.output}`,
      );
    await eventually("the call runs", async () => (await lines()).includes("last"));
    const stopped = director.process.stop();
    expect(await call).toMatch(/^last by/);
    expect(await stopped).toEqual({ code: 0, signal: null });
    director = await cluster.director({ address: director.address });
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
  });
});
