import type { DirectorMessage, Hello, MemberEvent, WorkerMessage } from "../core/attach-messages";
import type { Clock } from "../core/clock";
import { asFabricError, FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import { isDrained, type Intent, type MemberRecord } from "../core/member";
import type { MessageStream } from "../core/message-stream";
import type { Agents } from "./agents/agents";
import { checkHello } from "./hello-rules";
import type { MembershipHost } from "./membership-host";
import type { Sessions } from "./sessions";

export interface AttachServiceParts {
  readonly directorId: string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeatIntervalMs: number;
  /** Where the unix sockets of workers may be; undefined or "" for nowhere. */
  readonly workerSocketDir?: string | undefined;
  readonly membership: MembershipHost;
  readonly sessions: Sessions;
  /** Addresses of all directors, this one first. */
  directors(): readonly string[];
  revision(): number;
  intent(memberId: string): Intent;
  /** The member's record in the store, at whichever director it was. */
  stored(memberId: string): MemberRecord | undefined;
  hasDescriptors(hash: string): boolean;
  /** @throws FabricError DESCRIPTOR_CONFLICT */
  takeDescriptors(hash: string, fileDescriptorSet: Uint8Array): void;
  /** Resolves when no call of this director can go to the member any more. */
  unpublished(memberId: string): Promise<void>;
  beat(memberId: string): void;
  /** The member's stream broke. Returns whether the member was let go, so that it is not for this director to judge it. */
  stranded(memberId: string): boolean;
  readonly agents: Pick<Agents, "tell" | "reported">;
  /** What happens from now on, until `signal` aborts. */
  events(signal: AbortSignal): AsyncIterable<MemberEvent>;
}

type Stream = MessageStream<WorkerMessage, DirectorMessage>;

/** How long a peer may hold a stream open without saying who it is. */
const HELLO_TIMEOUT_MS = 5_000;

/** What a worker is told of the operator's intent: also that it is not to be drained, for it may have been told so before. */
export function wishOf(intent: Intent, nowUnixMs: number): DirectorMessage {
  if (!isDrained(intent)) return { kind: "undrain" };
  const { kind, reason, deadlineUnixMs, force } = intent;
  // By duration: the clocks of machines differ.
  const remainingMs = deadlineUnixMs === 0 ? undefined : Math.max(0, Math.ceil(deadlineUnixMs - nowUnixMs));
  return { kind: "drain", reason: reason || kind, force, remainingMs };
}

/**
 * The director's side of Attach. One stream goes: Hello, checked and accepted by membership; Welcome; then beats, each acknowledged,
 * until Goodbye or a break. What the worker does wrong ends its own stream and nothing else.
 */
export class AttachService {
  readonly #parts: AttachServiceParts;
  #sessionCount = 0;
  #heartbeats = 0;
  #stopping = false;

  constructor(parts: AttachServiceParts) {
    this.#parts = parts;
  }

  /** Heartbeats received since the start. */
  get heartbeats(): number {
    return this.#heartbeats;
  }

  /** Refuses new streams from now on. */
  stop(): void {
    this.#stopping = true;
  }

  /** Serves one stream to its end. Never rejects. */
  async serve(stream: Stream, peer: string): Promise<void> {
    let accepted: { readonly memberId: string; readonly sessionId: string } | undefined;
    let saidGoodbye = false;
    const ended = new AbortController();
    const cancelTimer = this.#parts.clock.after(HELLO_TIMEOUT_MS, () =>
      stream.abort(new FabricError("PROTOCOL_VIOLATION", `no Hello within ${HELLO_TIMEOUT_MS} ms`)),
    );
    try {
      for await (const message of stream.incoming) {
        if (!accepted) {
          cancelTimer();
          accepted = this.#accept(stream, message);
          if (message.kind === "hello") this.#serveWishes(message.hello, stream, ended.signal);
        } else if (message.kind === "goodbye") {
          saidGoodbye = true;
          this.#parts.membership.apply({ kind: "goodbye", ...accepted, reason: message.reason });
        } else {
          this.#receive(accepted, message, stream);
        }
      }
      stream.end();
      if (accepted && !saidGoodbye) this.#broken(accepted, "the worker closed its stream without Goodbye");
    } catch (error) {
      const failure = asFabricError(error, "PROTOCOL_VIOLATION");
      stream.abort(failure);
      if (!accepted) this.#parts.logger.info("an Attach stream was refused", { peer, reason: failure.message });
      else if (!saidGoodbye) this.#broken(accepted, failure.message);
    } finally {
      cancelTimer();
      ended.abort();
      if (accepted) this.#parts.sessions.remove(accepted.sessionId);
    }
  }

  #accept(stream: Stream, message: WorkerMessage): { memberId: string; sessionId: string } {
    const { membership, sessions, directorId, heartbeatIntervalMs } = this.#parts;
    if (message.kind !== "hello") {
      throw new FabricError("PROTOCOL_VIOLATION", `the first message is ${message.kind}: send hello first`);
    }
    if (this.#stopping) throw new FabricError("DIRECTOR_STOPPING", `director ${directorId} is stopping`);
    const { hello } = message;
    checkHello(hello, this.#parts.workerSocketDir);
    this.#sessionCount += 1;
    const sessionId = `${directorId}/${this.#sessionCount}`;
    const { memberId } = hello;
    const intervalMs = hello.heartbeatIntervalMs || heartbeatIntervalMs;
    const stored = this.#parts.stored(memberId);
    const changes = membership.apply({
      kind: "attach",
      sessionId,
      identity: identityOf(hello),
      heartbeatIntervalMs: intervalMs,
      ...(stored ? { stored } : {}),
    });
    for (const change of changes) if (change.kind === "refused") throw change.error;
    sessions.add({ sessionId, memberId, stream });
    this.#welcome(stream, hello, sessionId, intervalMs);
    return { memberId, sessionId };
  }

  #welcome(stream: Stream, hello: Hello, sessionId: string, heartbeatIntervalMs: number): void {
    const { directorId, clusterId, clock, intent, directors, revision, hasDescriptors } = this.#parts;
    const { descriptorSetHash: hash, memberId } = hello;
    stream.send({
      kind: "welcome",
      sessionId,
      directorId,
      clusterId,
      heartbeatIntervalMs,
      directors: directors(),
      epoch: revision(),
      wantsDescriptors: hash !== "" && !hasDescriptors(hash),
    });
    stream.send(wishOf(intent(memberId), clock.wallMs()));
  }

  /** What a worker asks for of this stream besides its own affairs. */
  #serveWishes({ memberId, wantsEvents, takesAgents }: Hello, stream: Stream, ended: AbortSignal): void {
    if (wantsEvents) void this.#sendEvents(stream, ended);
    if (takesAgents) void this.#parts.agents.tell(memberId, stream, ended);
  }

  /** Events may wait: a burst must not break the stream of a worker that reads a little late. */
  async #sendEvents(stream: Stream, signal: AbortSignal): Promise<void> {
    for await (const event of this.#parts.events(signal)) {
      await stream.drained();
      if (!stream.send({ kind: "member-event", event })) return;
    }
  }

  #receive(session: { memberId: string; sessionId: string }, message: WorkerMessage, stream: Stream): void {
    const { membership, clock } = this.#parts;
    switch (message.kind) {
      case "heartbeat": {
        const { seq, sentAtMs, load, serving, notServingReason } = message;
        this.#heartbeats += 1;
        membership.apply({ kind: "beat", ...session, seq, load, serving, notServingReason });
        this.#parts.beat(session.memberId);
        stream.send({ kind: "heartbeat-ack", seq, sentAtMs, directorTimeUnixMs: Math.floor(clock.wallMs()) });
        return;
      }
      case "descriptors":
        this.#parts.takeDescriptors(message.hash, message.fileDescriptorSet);
        return;
      case "draining":
        membership.apply({ kind: "draining", ...session, reason: message.reason });
        void this.#parts
          .unpublished(session.memberId)
          .then(() => stream.send({ kind: "drain", reason: message.reason, force: false }));
        return;
      case "probe-result": {
        const { memberId, probeId, reachable, detail } = message;
        membership.apply({ kind: "probed", memberId, probeId, via: session.memberId, reachable, detail });
        return;
      }
      case "agent-report":
        this.#parts.agents.reported(session.memberId, message);
        return;
      case "hello":
        throw new FabricError("PROTOCOL_VIOLATION", "a second hello: one stream carries one worker");
      case "goodbye":
        return;
    }
  }

  #broken(session: { memberId: string; sessionId: string }, reason: string): void {
    const { membership, stranded } = this.#parts;
    const isCurrent = membership.get(session.memberId)?.sessionId === session.sessionId;
    if (isCurrent && stranded(session.memberId)) return;
    membership.apply({ kind: "stream-broken", ...session, reason });
  }
}

function identityOf(hello: Hello) {
  const { heartbeatIntervalMs: _interval, wantsEvents: _events, ...identity } = hello;
  return { ...identity, liveness: { kind: "attached" } as const };
}
