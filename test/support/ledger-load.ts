import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { Client } from "@grpc/grpc-js";
import { credentials, makeClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import type { CallOptions, FabricClient } from "../../src/api/client";
import { messageOf } from "../../src/core/errors";
import { MessageQueue } from "../../src/core/message-queue";
import { eventually } from "./processes";
import { protoDefinition } from "./proto-definition";

const CONTRACT = resolve("test/e2e/contract");
const PROTO_FILE = join(CONTRACT, "ledger.proto");

/** Arguments of `heddle` for a worker of the ledger. */
export const LEDGER_WORKER = ["worker", "--proto", PROTO_FILE, "--handlers", join(CONTRACT, "ledger.js")];

interface Entry {
  readonly text?: string;
  readonly number?: number;
}

/** What a caller of the ledger can do; no method of it may run twice. */
export interface LedgerCaller {
  append(entry: Entry): Promise<{ text: string }>;
  chat(entries: AsyncIterable<Entry>): AsyncIterable<{ text: string }>;
  close(): void;
}

export function ledgerOf(client: FabricClient, options: { readonly waitForReady?: boolean } = {}): LedgerCaller {
  const typed = client.client(protoDefinition(PROTO_FILE)) as unknown as {
    append(entry: Entry, options: CallOptions): Promise<{ text: string }>;
    chat(entries: AsyncIterable<Entry>, options: CallOptions): AsyncIterable<{ text: string }>;
  };
  return {
    append: (entry) => typed.append(entry, { timeoutMs: 20_000, ...options }),
    chat: (entries) => typed.chat(entries, options),
    close: () => {},
  };
}

/** A stock client of grpc-js, which knows one director and tries nothing again. */
export function stockLedger(address: string): LedgerCaller {
  const { "ledger.v1.LedgerService": definition } = loadSync(PROTO_FILE);
  const Stock = makeClientConstructor(definition as never, "LedgerService");
  const client = new Stock(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
  }) as unknown as Client & Record<string, (...args: unknown[]) => never>;
  return {
    append: (entry) =>
      new Promise((settle, fail) => {
        const deadline = Date.now() + 20_000;
        client["append"]!(entry, { deadline }, (error: Error | null, answer: { text: string }) =>
          error ? fail(error) : settle(answer),
        );
      }),
    chat: (entries) => {
      const call = client["chat"]!() as AsyncIterable<{ text: string }> & { write(e: Entry): void; end(): void };
      void (async () => {
        for await (const entry of entries) call.write(entry);
        call.end();
      })();
      return call;
    },
    close: () => client.close(),
  };
}

export interface LedgerReport {
  /** Texts of the appends that were answered. */
  readonly appended: readonly string[];
  readonly streams: number;
  readonly failures: readonly string[];
}

const APPENDS_AT_ONCE = 3;
const CHAT_MESSAGES = 12;
const CHAT_PAUSE_MS = 25;

/** Appends and conversations without end, each as soon as the one before it is over. */
export class LedgerLoad {
  readonly #name: string;
  readonly #caller: LedgerCaller;
  readonly #appended: string[] = [];
  readonly #failures: string[] = [];
  readonly #loops: Promise<void>[];
  #count = 0;
  #streams = 0;
  #stopped = false;

  constructor(name: string, caller: LedgerCaller) {
    this.#name = name;
    this.#caller = caller;
    this.#loops = [
      ...Array.from({ length: APPENDS_AT_ONCE }, () => this.#loop(() => this.#append())),
      this.#loop(() => this.#chat()),
    ];
  }

  /** Resolves when so many more appends were answered and one more conversation has ended. */
  async more(count: number): Promise<void> {
    const [appends, streams] = [this.#appended.length + count, this.#streams + 1];
    await eventually(
      () => `${this.#name} goes on: ${this.#failures.join(", ")}`,
      () => this.#failures.length > 0 || (this.#appended.length >= appends && this.#streams >= streams),
    );
  }

  async stop(): Promise<LedgerReport> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#caller.close();
    return { appended: this.#appended, streams: this.#streams, failures: this.#failures };
  }

  async #loop(once: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await once();
      } catch (error) {
        this.#failures.push(`${new Date().toISOString()} ${this.#name}: ${messageOf(error)}`);
        await wait(50);
      }
    }
  }

  async #append(): Promise<void> {
    this.#count += 1;
    const text = `${this.#name}-${this.#count}`;
    await this.#caller.append({ text, number: 5 });
    this.#appended.push(text);
  }

  async #chat(): Promise<void> {
    const asked = new MessageQueue<Entry>();
    const say = (number: number) => asked.push({ text: `m${number}` });
    say(1);
    let heard = 0;
    for await (const { text } of this.#caller.chat(asked)) {
      heard += 1;
      if (text !== `m${heard}!`) throw new Error(`message ${heard} of a conversation is ${text}`);
      await wait(CHAT_PAUSE_MS);
      if (heard < CHAT_MESSAGES) say(heard + 1);
      else asked.end();
    }
    if (heard !== CHAT_MESSAGES) throw new Error(`a conversation ended after ${heard} of ${CHAT_MESSAGES} messages`);
    this.#streams += 1;
  }
}
