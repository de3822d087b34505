/**
 * A client whose CPU time is measured, or that is the load on a server: a process that makes calls as it is told (`LoadOrder`), and
 * says how long they took. Messages are bytes for all of them.
 *
 * Arguments: what kind, the address, and how many connections (1).
 * - engine: our client on one connection, as generated code sees it; listener: the same without promises and iteration, the
 *   cheapest load; grpc-js. Their address is a server's.
 * - heddle: the client of the fabric in direct mode, which asks a director, picks, accounts and would try again. Its address is the
 *   director's.
 */
import { createInterface } from "node:readline";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { connect, type TypedClient } from "../../../src/api/client";
import { CallMetadata } from "../../../src/core/call-metadata";
import { quantile } from "../measure/statistics";
import { ID_KEY, TOKEN, type LoadOrder, type LoadOutcome } from "../measure/load-process";
import { ECHO_SERVICE } from "../relay/echo-contract";
import { EchoServiceDefinition } from "./echo-definition";
import { connectEngine, engineClient } from "./engine-parts";

/** Bytes of an answer that count; 0 for one that is wrong. */
type Taker = (answer: Uint8Array) => number;

interface Order extends LoadOrder {
  readonly request: Buffer;
}

/** Of this process's calls, each with an id of its own. */
let lastId = 0;
const nextId = () => (lastId += 1).toString(16).padStart(16, "0");

/** Makes one call; resolves to the bytes of its answers. */
type Call = (order: Order, take: Taker) => Promise<number>;

function typedCall(client: TypedClient<typeof EchoServiceDefinition>): Call {
  return async ({ kind, request, answers, timeoutMs, withMetadata }, take) => {
    const options = withMetadata ? { timeoutMs, metadata: { ...TOKEN, [ID_KEY]: nextId() } } : { timeoutMs };
    if (kind === "unary") return take(await client.echo(request, options));
    let bytes = 0;
    if (kind === "stream") {
      for await (const answer of client.echoMany(request, options)) bytes += take(answer);
      return bytes;
    }
    let answered: () => void;
    async function* requests(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < answers; count += 1) {
        const answer = new Promise<void>((resolve) => (answered = resolve));
        yield request;
        await answer;
      }
    }
    for await (const answer of client.chat(requests(), options)) {
      bytes += take(answer);
      answered!();
    }
    return bytes;
  };
}

function listenerCall(address: string): Call {
  const connection = connectEngine(address);
  const none = new CallMetadata();
  return ({ kind, path, request, answers, withMetadata }, take) =>
    new Promise((resolve, reject) => {
      const metadata = withMetadata ? CallMetadata.of({ ...TOKEN, [ID_KEY]: nextId() }) : none;
      let bytes = 0;
      let left = answers;
      const call = connection.start(
        { path, metadata },
        {
          headers: () => {},
          message: (answer) => {
            bytes += take(answer);
            left -= 1;
            if (kind !== "chat") return;
            if (left > 0) call.send(request);
            else call.halfClose();
          },
          ended: ({ error }) => (error ? reject(error) : resolve(bytes)),
        },
      );
      call.send(request);
      if (kind !== "chat") call.halfClose();
    });
}

async function heddleCall(director: string): Promise<Call> {
  const fabric = connect({ directors: [director], mode: "direct", env: {} });
  await fabric.whenReady(ECHO_SERVICE);
  return typedCall(fabric.client(EchoServiceDefinition));
}

/** As its documentation shows it: callbacks and events, no promise and no wrapper but the one that counts. */
function grpcJsCall(address: string): Call {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const asIs = (bytes: Buffer): Buffer => bytes;
  return ({ kind, path, request, answers, timeoutMs, withMetadata }, take) =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + timeoutMs };
      const metadata = new Metadata();
      if (withMetadata) {
        metadata.set("authorization", TOKEN.authorization);
        metadata.set(ID_KEY, nextId());
      }
      if (kind === "unary") {
        client.makeUnaryRequest(path, asIs, asIs, request, metadata, options, (error, answer) => {
          if (error) reject(error);
          else resolve(take(answer!));
        });
        return;
      }
      let bytes = 0;
      let left = answers;
      if (kind === "stream") {
        const stream = client.makeServerStreamRequest(path, asIs, asIs, request, metadata, options);
        stream.on("data", (answer: Buffer) => (bytes += take(answer)));
        stream.on("error", reject).on("end", () => resolve(bytes));
        return;
      }
      const stream = client.makeBidiStreamRequest(path, asIs, asIs, metadata, options);
      stream.on("data", (answer: Buffer) => {
        bytes += take(answer);
        left -= 1;
        if (left > 0) stream.write(request);
        else stream.end();
      });
      stream.on("error", reject).on("end", () => resolve(bytes));
      stream.write(request);
    });
}

const CALLS: Readonly<Record<string, (address: string) => Call | Promise<Call>>> = {
  engine: (address) => typedCall(engineClient(address)),
  listener: listenerCall,
  heddle: heddleCall,
  "grpc-js": grpcJsCall,
};

async function run(makers: readonly Call[], order: Order): Promise<LoadOutcome> {
  const { request, calls, concurrency } = order;
  const bytesExpected = order.answers * request.length;
  const latenciesUs = new Float64Array(calls);
  const failures = new Set<string>();
  const count: Taker = (answer) => answer.length;
  const compare: Taker = (answer) => (Buffer.compare(answer, request) === 0 ? answer.length : 0);
  const take = order.checked ? compare : count;
  let started = 0;
  const oneAfterTheOther = async (lane: number) => {
    const call = makers[lane % makers.length]!;
    while (started < calls) {
      const index = started++;
      const startedMs = performance.now();
      const bytes = await call(order, take).catch((error: unknown) => String(error));
      latenciesUs[index] = (performance.now() - startedMs) * 1_000;
      if (bytes !== bytesExpected) failures.add(`answered ${bytes} instead of ${bytesExpected} bytes`);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: concurrency }, (_, lane) => oneAfterTheOther(lane)));
  const wallMs = performance.now() - startedMs;
  const sorted = latenciesUs.sort();
  return {
    p50Us: quantile(sorted, 0.5),
    p99Us: quantile(sorted, 0.99),
    wallMs,
    failure: [...failures].join("; "),
  };
}

async function main(): Promise<void> {
  const [kind = "", address = "", connections = "1"] = process.argv.slice(2);
  const make = CALLS[kind];
  if (make === undefined) throw new Error(`there is no client ${kind}: ${Object.keys(CALLS).join(", ")}`);
  const makers: Call[] = [];
  for (let count = 0; count < Number(connections); count += 1) makers.push(await make(address));
  const say = (what: unknown) => process.stdout.write(`${JSON.stringify(what)}\n`);
  say("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line) as LoadOrder;
    say(await run(makers, { ...order, request: Buffer.from(order.message, "base64") }));
  }
  // The clients keep the process alive, and nobody is left to ask for anything.
  process.exit();
}

void main();
