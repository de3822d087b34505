import { IntentKind as WireIntentKind } from "../../generated/heddle/v1/member";
import { AssignedStream } from "../../src/client/assigned-stream";
import type { Clock } from "../../src/core/clock";
import { asFabricError, type FabricError } from "../../src/core/errors";
import type { IntentKind } from "../../src/core/member";
import type { Random } from "../../src/core/random";
import { SILENT_LOGGER } from "../../src/core/logger";
import { rawDefinition } from "../../src/rpc/service/raw-definition";
import { mountService, type MountedService } from "../../src/rpc/service/service-handlers";
import { typedClient } from "../../src/rpc/service/typed-client";
import { ComputeServiceDefinition, DirectorServiceDefinition } from "../../src/wire/contract";
import type { Action } from "./scenario";
import type { Asked, DurableWrite, World } from "./world";

/** Whose calls must not run twice: each is a booking, which the worker writes down when it begins. */
const BookDefinition = rawDefinition("simulator.v1.BookService", { book: {} });

const WIRE_INTENTS: Readonly<Record<IntentKind, WireIntentKind>> = {
  serving: WireIntentKind.SERVING,
  cordoned: WireIntentKind.CORDONED,
  draining: WireIntentKind.DRAINING,
  maintenance: WireIntentKind.MAINTENANCE,
  standby: WireIntentKind.STANDBY,
};

const RPC_TIMEOUT_MS = 5_000;

interface Surroundings extends World {
  readonly asked: Asked[];
  readonly durable: DurableWrite[];
  readonly isHit: boolean;
  fork(): Random;
  note(event: string): void;
  ran(asked: Asked, worker: string): void;
  ended(asked: Asked): void;
}

type Request = Extract<
  Action,
  { do: "call" | "generate" | "assigned-stream" | "assign" | "intent" | "policy" | "transfer" }
>;

/** What clients and operators ask, and what becomes of it. */
export class Workload {
  readonly #world: Surroundings;
  readonly #byId = new Map<string, Asked>();

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** Asks, without waiting for the answer. A process that is down or frozen asks for nothing. */
  ask(request: Request): void {
    switch (request.do) {
      case "call":
        return this.#call(request);
      case "generate":
        return this.#generate(request);
      case "assigned-stream":
        return this.#assignedStream(request);
      case "assign":
        return this.#assign(request);
      case "intent":
        return this.#setIntent(request);
      case "policy":
        return this.#setPolicy(request);
      case "transfer":
        return this.#transfer(request);
    }
  }

  /** What a worker serves besides the usual: it books, and takes as long as it is told. */
  bookService(worker: string, clock: () => Clock): MountedService {
    return mountService(BookDefinition, {
      book: async (request, { signal }) => {
        const [id = "", takesMs = "0"] = Buffer.from(request).toString().split(" ");
        const asked = this.#byId.get(id)!;
        asked.runs += 1;
        this.#world.note(`${worker} books ${id}`);
        this.#world.ran(asked, worker);
        await clock().sleep(Number(takesMs), signal);
        return request;
      },
    });
  }

  #call({ client: name, method, takesMs, timeoutMs, cancelAfterMs }: Extract<Request, { do: "call" }>): void {
    const live = this.#world.clients.get(name);
    if (!live || live.host.frozen) return;
    const asked = this.#begin(name, method, { timeoutMs, takesMs, tokens: 0 });
    const abort = new AbortController();
    if (cancelAfterMs !== undefined) {
      live.host.clock.after(cancelAfterMs, () => {
        if (asked.endedMs !== undefined) return;
        asked.isGivenUp = true;
        abort.abort();
      });
    }
    const options = { timeoutMs, signal: abort.signal };
    const answer =
      method === "book"
        ? live.client.client(BookDefinition).book(Buffer.from(`${asked.id} ${takesMs}`), options)
        : live.client
            .client(ComputeServiceDefinition)
            .execute({ task: "sleep", parameters: new Map([["ms", String(takesMs)]]) }, options);
    this.#settle(asked, answer);
  }

  #generate({ client: name, tokens, intervalMs }: Extract<Request, { do: "generate" }>): void {
    const live = this.#world.clients.get(name);
    if (!live || live.host.frozen) return;
    const asked = this.#begin(name, "generate", { timeoutMs: Infinity, takesMs: 0, tokens });
    const read = async () => {
      const options = { prompt: asked.id, maxTokens: tokens, tokenIntervalMs: intervalMs, connectionId: asked.id };
      for await (const { sequence } of live.client.generate(options)) this.#token(asked, sequence);
    };
    this.#settle(asked, read());
  }

  #assignedStream({ client: name, director, tokens }: Extract<Request, { do: "assigned-stream" }>): void {
    const { clients, cluster } = this.#world;
    const live = clients.get(name);
    if (!live || live.host.frozen) return;
    const asked = this.#begin(name, "assigned-stream", { timeoutMs: Infinity, takesMs: 0, tokens });
    const connect = (address: string) => cluster.network.connect(live.host, address, { keepaliveMs: 2_000 });
    const toDirector = connect(`${director}:61000`);
    const stream = new AssignedStream({
      clock: live.host.clock,
      random: this.#world.fork(),
      logger: SILENT_LOGGER,
      director: typedClient(DirectorServiceDefinition, toDirector),
      directors: [director],
      prompt: asked.id,
      maxTokens: tokens,
      connect,
      newId: () => asked.id,
    });
    const run = async () => {
      await stream.run(new AbortController().signal);
      const { counts } = stream;
      for (let sequence = 1; sequence <= counts.tokens; sequence += 1) asked.tokens.push(sequence);
      if (counts.lost > 0 || counts.repeated > 0) {
        const what = `${asked.id} lost ${counts.lost} tokens and got ${counts.repeated} twice`;
        this.#world.violate("streams-complete", what);
      }
    };
    this.#settle(
      asked,
      run().finally(() => live.host.clock.after(5_000, () => toDirector.close())),
    );
  }

  #assign({ director: name, holdMs, release }: Extract<Request, { do: "assign" }>): void {
    const live = this.#world.directors.get(name);
    if (!live) return;
    const options = { timeoutMs: RPC_TIMEOUT_MS };
    const hold = async () => {
      const { success, assignmentId } = await live.rpc.assignWorker({ prompt: "" }, options);
      if (!success || !release) return;
      await this.#world.cluster.clock.sleep(holdMs);
      await live.rpc.renewAssignment({ assignmentId }, options).catch(() => {});
      await live.rpc.releaseAssignment({ assignmentId }, options);
    };
    hold().catch(() => {});
  }

  #setIntent({ director, worker, kind }: Extract<Request, { do: "intent" }>): void {
    const live = this.#world.directors.get(director);
    if (!live) return;
    const write = this.#durable(`cluster/intents/${worker}`, kind);
    const request = { memberId: worker, kind: WIRE_INTENTS[kind], reason: "", setBy: "simulator" };
    this.#settleWrite(write, live.rpc.setIntent(request, { timeoutMs: RPC_TIMEOUT_MS }));
  }

  #setPolicy({ director, policy }: Extract<Request, { do: "policy" }>): void {
    const live = this.#world.directors.get(director);
    if (!live) return;
    const write = this.#durable("cluster/settings/balancing", policy);
    this.#settleWrite(write, live.rpc.setBalancing({ policy }, { timeoutMs: RPC_TIMEOUT_MS }));
  }

  #transfer({ from, to }: Extract<Request, { do: "transfer" }>): void {
    const live = this.#world.directors.get(from);
    if (!live || live.host.frozen) return;
    this.#world.note(`transfer from ${from} to ${to}`);
    live.ledger.election.transferTo(to).catch(() => {});
    live.rpc.transferLeadership({ directorId: to }, { timeoutMs: RPC_TIMEOUT_MS }).catch(() => {});
  }

  #begin(
    client: string,
    what: Asked["what"],
    { timeoutMs, takesMs, tokens }: { timeoutMs: number; takesMs: number; tokens: number },
  ): Asked {
    const { asked, isDisturbed, isHit } = this.#world;
    const nowMs = this.#world.nowMs();
    const one: Asked = {
      id: `${what}-${asked.length + 1}`,
      what,
      client,
      startedMs: nowMs,
      deadlineMs: nowMs + timeoutMs,
      takesMs,
      spareMs: timeoutMs - takesMs,
      isDisturbed,
      isHit,
      isGivenUp: false,
      runs: 0,
      tokens: [],
      tokensWanted: tokens,
      lastTokenMs: nowMs,
      longestSilenceMs: 0,
    };
    asked.push(one);
    this.#byId.set(one.id, one);
    this.#world.note(`${client} asks for ${one.id}`);
    return one;
  }

  #token(asked: Asked, sequence: bigint): void {
    const nowMs = this.#world.nowMs();
    asked.tokens.push(Number(sequence));
    asked.longestSilenceMs = Math.max(asked.longestSilenceMs, nowMs - asked.lastTokenMs);
    asked.lastTokenMs = nowMs;
  }

  #settle(asked: Asked, answer: Promise<unknown>): void {
    const end = (error?: FabricError) => {
      asked.endedMs = this.#world.nowMs();
      asked.error = error;
      this.#world.note(`${asked.id} ends ${error?.message ?? "well"}`);
      this.#world.ended(asked);
    };
    answer.then(
      () => end(),
      (error: unknown) => end(asFabricError(error, "REMOTE")),
    );
  }

  #durable(key: string, value: string): DurableWrite {
    const write = { key, value, acknowledged: false, refused: false, startedMs: this.#world.nowMs() };
    this.#world.durable.push(write);
    return write;
  }

  #settleWrite(write: DurableWrite, answer: Promise<unknown>): void {
    const end = (error?: FabricError) => {
      write.endedMs = this.#world.nowMs();
      write.acknowledged = error === undefined;
      write.refused = error !== undefined && error.kind.executed === "no";
      this.#world.note(`${write.key} ${write.value}: ${error?.message ?? "acknowledged"}`);
    };
    answer.then(
      () => end(),
      (error: unknown) => end(asFabricError(error, "REMOTE")),
    );
  }
}
