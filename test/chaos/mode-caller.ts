import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { connect } from "../../src/api/client";
import type { CallMetadata } from "../../src/core/call-metadata";
import { HEDDLE_KEYS } from "../../src/core/heddle-metadata";
import { ChaosDefinition, COUNTED } from "./contract";
import type { CallKind, Mode } from "./history";

/** What becomes known of a call, also of one that fails. */
export interface CallOutcome {
  worker: string;
  attempts: number;
  /** What a stream brought, in its order. */
  readonly numbers: number[];
}

/** Makes calls in one mode. Rejects with what the caller is told. */
export interface ModeCaller {
  call(kind: CallKind, id: string, outcome: CallOutcome): Promise<void>;
  close(): Promise<void>;
}

export interface CallerOptions {
  readonly directors: readonly string[];
  readonly timeoutMs: number;
}

/** Longest pause between attempts to connect, so that what heals is noticed within the time of a fault. */
const RECONNECT_MAX_MS = 500;
/** Interval of PINGs: a black hole is noticed within twice this, well before the deadline of a call. */
export const KEEPALIVE_MS = 1_000;
/** Length of a stream that must survive, and the pause between its tokens. */
const TOKENS = 40;
const TOKEN_PAUSE_MS = 50;

export function caller(mode: Mode, options: CallerOptions): ModeCaller {
  return mode === "stock" ? stockCaller(options) : ownCaller(mode, options);
}

function ownCaller(mode: Exclude<Mode, "stock">, { directors, timeoutMs }: CallerOptions): ModeCaller {
  const settings = { reconnectMaxMs: RECONNECT_MAX_MS, dataKeepaliveMs: KEEPALIVE_MS, env: {} };
  const client = connect({ directors, mode, ...settings });
  const chaos = client.client(ChaosDefinition);
  return {
    call: async (kind, id, outcome) => {
      const message = Buffer.from(id);
      const options = { timeoutMs, onTrailers: (trailers: CallMetadata) => readTrailers(trailers, outcome) };
      switch (kind) {
        case "read":
        case "append":
          checkEcho(id, await chaos[kind](message, options));
          return;
        case "count":
          for await (const number of chaos.count(message, options)) outcome.numbers.push(Number(Buffer.from(number)));
          checkLength(outcome.numbers.length, COUNTED);
          return;
        case "generate": {
          const request = { prompt: id, maxTokens: TOKENS, tokenIntervalMs: TOKEN_PAUSE_MS };
          const onConnected = (label: string) => {
            outcome.worker = label;
            outcome.attempts += 1;
          };
          for await (const token of client.generate({ ...request, onConnected })) {
            outcome.numbers.push(Number(token.sequence));
          }
          checkLength(outcome.numbers.length, TOKENS);
        }
      }
    },
    close: () => client.close(),
  };
}

function readTrailers(trailers: CallMetadata, outcome: CallOutcome): void {
  outcome.worker = trailers.text(HEDDLE_KEYS.worker) ?? "";
  outcome.attempts = Number(trailers.text(HEDDLE_KEYS.attempts) ?? 0);
}

/** As anybody's program would do it: one address, default settings but for the pause between attempts to connect. */
function stockCaller({ directors, timeoutMs }: CallerOptions): ModeCaller {
  const client = new Client(directors[0]!, credentials.createInsecure(), {
    "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_MS,
  });
  const asIs = (bytes: Buffer) => bytes;
  const path = (method: "Read" | "Append" | "Count") => `/${ChaosDefinition.fullName}/${method}`;
  const unary = (method: "Read" | "Append", id: string, outcome: CallOutcome) =>
    new Promise<Buffer>((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Buffer) => (error ? reject(error) : resolve(answer!));
      const options = { deadline: Date.now() + timeoutMs };
      const call = client.makeUnaryRequest(path(method), asIs, asIs, Buffer.from(id), new Metadata(), options, done);
      call.on("status", ({ metadata }) => {
        outcome.worker = String(metadata.get(HEDDLE_KEYS.worker)[0] ?? "");
        outcome.attempts = Number(metadata.get(HEDDLE_KEYS.attempts)[0] ?? 0);
      });
    });
  return {
    call: async (kind, id, outcome) => {
      const { numbers } = outcome;
      if (kind === "read") return checkEcho(id, await unary("Read", id, outcome));
      if (kind === "append") return checkEcho(id, await unary("Append", id, outcome));
      const options = { deadline: Date.now() + timeoutMs };
      const answers = client.makeServerStreamRequest(path("Count"), asIs, asIs, Buffer.from(id), options);
      for await (const number of answers as AsyncIterable<Buffer>) numbers.push(Number(number));
      checkLength(numbers.length, COUNTED);
    },
    close: () => {
      client.close();
      return Promise.resolve();
    },
  };
}

/** An answer to another call would be worse than none. */
function checkEcho(id: string, answer: Uint8Array): void {
  const text = Buffer.from(answer).toString();
  if (text !== id) throw new Error(`${id} got the answer to ${text}`);
}

function checkLength(length: number, wanted: number): void {
  if (length !== wanted) throw new Error(`the stream ended in order after ${length} of ${wanted} answers`);
}
