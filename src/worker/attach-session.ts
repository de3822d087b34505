import type { AgentReport } from "../core/agent";
import type { AgentOrders, DirectorMessage, DrainOrder, Hello, WorkerMessage } from "../core/attach-messages";
import type { Clock } from "../core/clock";
import { asFabricError, FabricError } from "../core/errors";
import type { Load } from "../core/member";
import type { MessageStream } from "../core/message-stream";

export type Welcome = Extract<DirectorMessage, { kind: "welcome" }>;
export type ProbeRequest = Extract<DirectorMessage, { kind: "probe-request" }>;

/** What a session asks of its worker, and tells it. */
export interface SessionHost {
  hello(): Hello;
  load(): Load;
  /** Whether the worker takes calls now; sent with every beat. */
  isServing(): boolean;
  /** Why not, in words; "" while it does. */
  notServingReason?(): string;
  descriptors(): { readonly hash: string; readonly fileDescriptorSet: Uint8Array } | undefined;
  attached(welcome: Welcome): void;
  /** An operator wants it drained; told again on every new stream, and when the order changes. */
  drained(order: DrainOrder): void;
  undrained(): void;
  /** Tries another worker's data address. Never rejects. */
  probe(request: ProbeRequest): Promise<{ readonly reachable: boolean; readonly detail: string }>;
  event(event: Extract<DirectorMessage, { kind: "member-event" }>["event"]): void;
  directors(addresses: readonly string[]): void;
  /** The director has answered a beat. */
  acknowledged?(): void;
  /** What it says of the agents that are to run here. */
  agents?(orders: AgentOrders): void;
}

/** How a session ended. The attach loop switches on it. */
export type SessionOutcome =
  /** The worker said goodbye, or was stopped. */
  | { readonly kind: "left" }
  /** It was attached, and the link broke or the director went. */
  | { readonly kind: "lost"; readonly error: FabricError; readonly heldMs: number }
  /** The director did not answer Hello with Welcome. */
  | { readonly kind: "refused"; readonly error: FabricError };

export interface SessionOptions {
  /** How long to wait for Welcome. A peer that accepts a connection and stays silent would otherwise hold the worker for ever. */
  readonly welcomeTimeoutMs: number;
  /** Heartbeat intervals without an acknowledgement after which the director is given up. */
  readonly unacknowledgedMax: number;
  /** And never sooner than this. Default 0. */
  readonly unacknowledgedMinMs?: number;
}

/**
 * One Attach stream from Hello to its end, on the worker's side: beats every interval on a fixed schedule, answers probes, and
 * reports how it ended instead of throwing.
 */
export class AttachSession {
  readonly #stream: MessageStream<DirectorMessage, WorkerMessage>;
  readonly #host: SessionHost;
  readonly #clock: Clock;
  readonly #patience: () => SessionOptions;
  readonly #stop = new AbortController();
  #seq = 0;
  #lastAckMs = 0;
  #intervalMs = 0;
  #attachedAtMs: number | undefined;
  #leaving = false;
  #failure: FabricError | undefined;
  #drainAcknowledged: (() => void) | undefined;

  constructor(
    stream: MessageStream<DirectorMessage, WorkerMessage>,
    host: SessionHost,
    clock: Clock,
    /** Asked whenever it decides something. */
    patience: () => SessionOptions,
  ) {
    this.#stream = stream;
    this.#host = host;
    this.#clock = clock;
    this.#patience = patience;
  }

  /** Runs to the end of the stream. Never rejects. */
  async run(): Promise<SessionOutcome> {
    const { welcomeTimeoutMs } = this.#patience();
    const cancelWelcomeTimer = this.#clock.after(welcomeTimeoutMs, () =>
      this.#fail(new FabricError("DIRECTOR_UNREACHABLE", `no Welcome within ${welcomeTimeoutMs} ms`)),
    );
    this.#stream.send({ kind: "hello", hello: this.#host.hello() });
    try {
      for await (const message of this.#stream.incoming) {
        if (message.kind === "welcome") cancelWelcomeTimer();
        this.#receive(message);
      }
      return this.#outcome(new FabricError("DIRECTOR_UNREACHABLE", "the director closed the Attach stream"));
    } catch (error) {
      return this.#outcome(asFabricError(error, "DIRECTOR_UNREACHABLE"));
    } finally {
      cancelWelcomeTimer();
      this.#stop.abort();
      this.#drainAcknowledged?.();
    }
  }

  /** Sends a beat now, out of schedule: something changed that the director should know. */
  beatNow(): void {
    if (this.#attachedAtMs !== undefined && !this.#leaving) this.#beat();
  }

  /** Says how an agent is. While nobody is attached nothing is sent: the next stream begins with what is to run. */
  reportAgent(report: AgentReport): void {
    if (this.#attachedAtMs !== undefined && !this.#leaving) this.#stream.send({ kind: "agent-report", ...report });
  }

  /** Asks for no more picks. Resolves when the director confirmed, or the session ended. */
  announceDrain(reason: string): Promise<void> {
    if (this.#attachedAtMs === undefined || this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drainAcknowledged = resolve;
      this.#stream.send({ kind: "draining", reason });
    });
  }

  /** Says goodbye and ends the stream. */
  leave(reason: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#stop.abort();
    if (this.#attachedAtMs === undefined) {
      this.#stream.abort(new FabricError("CANCELLED", reason));
      return;
    }
    this.#stream.send({ kind: "goodbye", reason });
    this.#stream.end();
  }

  /** Breaks the stream: the director did not end it in time. */
  abandon(reason: string): void {
    this.#fail(new FabricError("CANCELLED", reason));
  }

  #outcome(error: FabricError): SessionOutcome {
    if (this.#leaving) return { kind: "left" };
    const reason = aboutDirector(this.#failure ?? error);
    if (this.#attachedAtMs === undefined) return { kind: "refused", error: reason };
    return { kind: "lost", error: reason, heldMs: this.#clock.monotonicMs() - this.#attachedAtMs };
  }

  #receive(message: DirectorMessage): void {
    switch (message.kind) {
      case "welcome":
        this.#welcome(message);
        return;
      case "heartbeat-ack":
        this.#lastAckMs = this.#clock.monotonicMs();
        this.#host.acknowledged?.();
        return;
      case "drain":
        if (this.#drainAcknowledged) this.#drainAcknowledged();
        else this.#host.drained(message);
        return;
      case "undrain":
        this.#host.undrained();
        return;
      case "probe-request":
        this.#answerProbe(message);
        return;
      case "configuration":
        if (message.heartbeatIntervalMs > 0) this.#intervalMs = message.heartbeatIntervalMs;
        this.#host.directors(message.directors);
        return;
      case "member-event":
        this.#host.event(message.event);
        return;
      case "agents":
        this.#host.agents?.(message);
        return;
    }
  }

  #welcome(welcome: Welcome): void {
    if (this.#attachedAtMs !== undefined) {
      this.#fail(new FabricError("PROTOCOL_VIOLATION", "the director sent Welcome twice"));
      return;
    }
    this.#attachedAtMs = this.#clock.monotonicMs();
    this.#lastAckMs = this.#attachedAtMs;
    this.#intervalMs = Math.max(1, welcome.heartbeatIntervalMs);
    const descriptors = welcome.wantsDescriptors ? this.#host.descriptors() : undefined;
    if (descriptors) this.#stream.send({ kind: "descriptors", ...descriptors });
    this.#host.directors(welcome.directors);
    this.#host.attached(welcome);
    this.#beat();
    this.#beatOnSchedule().catch(() => {
      // Only the abort at the end of the session ends the schedule.
    });
  }

  /** Beats at fixed instants, so that a late timer does not shift all later beats; missed instants are skipped. */
  async #beatOnSchedule(): Promise<void> {
    let dueMs = this.#clock.monotonicMs();
    for (;;) {
      const nowMs = this.#clock.monotonicMs();
      dueMs += this.#intervalMs * Math.max(1, Math.ceil((nowMs - dueMs) / this.#intervalMs));
      await this.#clock.sleep(dueMs - nowMs, this.#stop.signal);
      const silentMs = this.#clock.monotonicMs() - this.#lastAckMs;
      const overslept = this.#clock.monotonicMs() - dueMs > this.#intervalMs;
      // A worker that was itself stopped must first read what has come meanwhile.
      const { unacknowledgedMax, unacknowledgedMinMs = 0 } = this.#patience();
      if (!overslept && silentMs > Math.max(unacknowledgedMinMs, unacknowledgedMax * this.#intervalMs)) {
        this.#fail(new FabricError("DIRECTOR_UNREACHABLE", `no acknowledgement for ${Math.round(silentMs)} ms`));
        return;
      }
      this.#beat();
    }
  }

  #beat(): void {
    this.#seq += 1;
    this.#stream.send({
      kind: "heartbeat",
      seq: this.#seq,
      sentAtMs: this.#clock.monotonicMs(),
      load: this.#host.load(),
      serving: this.#host.isServing(),
      notServingReason: this.#host.notServingReason?.() ?? "",
    });
  }

  #answerProbe(request: ProbeRequest): void {
    void this.#host.probe(request).then(({ reachable, detail }) => {
      const { probeId, memberId } = request;
      this.#stream.send({ kind: "probe-result", probeId, memberId, reachable, detail });
    });
  }

  #fail(error: FabricError): void {
    this.#failure ??= error;
    this.#stop.abort();
    this.#stream.abort(error);
  }
}

/** The transport speaks of whoever it called as a worker; here that is the director. */
function aboutDirector(error: FabricError): FabricError {
  if (error.code !== "WORKER_UNREACHABLE" && error.code !== "WORKER_LOST") return error;
  return new FabricError("DIRECTOR_UNREACHABLE", error.message.slice(error.code.length + 3), { cause: error });
}
