import { Deadlines } from "./deadlines";
import { ErrorCode, Http2Error } from "./error-codes";
import type { FloodGuard } from "./flood-guard";
import type { ResolvedOptions } from "./options";
import type { OutputBatch } from "./output-batch";

/** The deadlines a connection may have. */
type DeadlineName =
  | "preface"
  | "settingsAck"
  | "headers"
  | "frame"
  | "writeStall"
  | "idle"
  | "keepalive"
  | "keepaliveAnswer"
  | "shutdownRoundTrip"
  | "grace"
  | "linger";

/** What passing deadlines do to the connection. */
export interface DeadlineHost {
  /** Closes it: the peer was too slow. */
  timedOut(error: Http2Error): void;
  /** Reads so far: silence is when it stands still. */
  reads(): number;
  ping(): boolean;
  idle(): void;
  roundTripOver(): void;
  graceOver(): void;
  lingerOver(): void;
}

/** Everything that happens to a connection because time passed. */
export class ConnectionDeadlines extends Deadlines<DeadlineName> {
  readonly #options: ResolvedOptions;
  readonly #guard: FloodGuard;
  readonly #output: OutputBatch;
  readonly #host: DeadlineHost;
  #readsAtKeepalive = 0;
  #writesAtStallCheck = -1;

  constructor(options: ResolvedOptions, guard: FloodGuard, output: OutputBatch, host: DeadlineHost) {
    super(options.clock, (name) => this.#expired(name));
    this.#options = options;
    this.#guard = guard;
    this.#output = output;
    this.#host = host;
    this.set("preface", options.limits.prefaceTimeoutMs);
    this.set("settingsAck", options.limits.settingsAckTimeoutMs);
    this.set("writeStall", options.limits.writeStallTimeoutMs);
    this.set("idle", options.limits.idleTimeoutMs);
    this.set("keepalive", options.keepalive?.intervalMs ?? 0);
  }

  #expired(name: DeadlineName): void {
    const host = this.#host;
    const guard = this.#guard;
    switch (name) {
      case "preface":
        host.timedOut(guard.exceeded("prefaceTimeoutMs", ErrorCode.PROTOCOL_ERROR));
        break;
      case "settingsAck":
        host.timedOut(guard.exceeded("settingsAckTimeoutMs", ErrorCode.SETTINGS_TIMEOUT));
        break;
      case "headers":
        host.timedOut(guard.exceeded("headersTimeoutMs"));
        break;
      case "frame":
        host.timedOut(guard.exceeded("frameTimeoutMs"));
        break;
      case "writeStall":
        this.#checkProgress();
        break;
      case "idle":
        host.idle();
        break;
      case "keepalive":
        this.#keepalive();
        break;
      case "keepaliveAnswer":
        if (host.reads() === this.#readsAtKeepalive) {
          host.timedOut(new Http2Error(ErrorCode.NO_ERROR, "no answer to the keepalive PING"));
        } else {
          this.set("keepalive", this.#options.keepalive!.intervalMs);
        }
        break;
      case "shutdownRoundTrip":
        host.roundTripOver();
        break;
      case "grace":
        host.graceOver();
        break;
      case "linger":
        host.lingerOver();
    }
  }

  /** Every `writeStallTimeoutMs`: ends a connection that took nothing between two looks, so after twice the time at most. */
  #checkProgress(): void {
    if (this.#output.isBlocked && this.#output.writes === this.#writesAtStallCheck) {
      this.#host.timedOut(this.#guard.exceeded("writeStallTimeoutMs"));
      return;
    }
    this.#writesAtStallCheck = this.#output.isBlocked ? this.#output.writes : -1;
    this.set("writeStall", this.#options.limits.writeStallTimeoutMs);
  }

  /** PINGs after an interval without a single read; whatever is read then is as good as the answer. */
  #keepalive(): void {
    const { intervalMs, timeoutMs } = this.#options.keepalive!;
    const reads = this.#host.reads();
    const silent = reads === this.#readsAtKeepalive;
    this.#readsAtKeepalive = reads;
    if (silent && this.#host.ping()) this.set("keepaliveAnswer", timeoutMs);
    else this.set("keepalive", intervalMs);
  }
}
