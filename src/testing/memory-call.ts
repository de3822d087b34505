import type { CallListener, CallStart, IncomingCall, IncomingListener, OutgoingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { CallMetadata } from "../core/call-metadata";
import type { CancelTimer, Clock } from "../core/clock";
import { FabricError, type ErrorCode } from "../core/errors";
import { Status } from "../core/status";
import { toGrpcMetadata } from "../wire/metadata";
import { endOfStatus } from "../wire/status-mapping";
import { MemoryLane } from "./memory-lane";
import type { MemoryPipe } from "./memory-pipe";

/** What a call needs of the connection that carries it. */
export interface CallCarrier {
  readonly toServer: MemoryPipe;
  readonly toClient: MemoryPipe;
  readonly serverClock: Clock;
  readonly clientAddress: string;
  /** The answer begins. True: it is lost, and in a moment the connection too. */
  losesAnswer(path: string): boolean;
  /** Hands the call to the server's handler. */
  arrived(call: IncomingCall): void;
  /** Neither side wants anything of the call any more. */
  ended(call: MemoryCall): void;
}

/** One call, both ends of it. Until `begin` it waits for a connection. */
export class MemoryCall {
  readonly #start: CallStart;
  readonly #listener: CallListener;
  readonly #settled: (what: string) => void;
  readonly #cancelDeadline: CancelTimer;
  #carrier: CallCarrier | undefined;
  #requests: MemoryLane | undefined;
  #answers: MemoryLane | undefined;
  #early: (() => void)[] = [];
  #clientOver = false;
  #serverOver = false;
  #cancelServerDeadline: CancelTimer = () => {};
  #serving: IncomingListener | undefined;
  #headersReceived = false;
  #headersSent = false;
  #answerLost = false;

  constructor(start: CallStart, listener: CallListener, clock: Clock, settled: (what: string) => void) {
    this.#start = start;
    this.#listener = listener;
    this.#settled = settled;
    this.#cancelDeadline =
      start.timeoutMs === undefined
        ? () => {}
        : clock.after(start.timeoutMs, () => this.#giveUp("DEADLINE_EXCEEDED", "Deadline exceeded"));
  }

  get path(): string {
    return this.#start.path;
  }

  readonly outgoing: OutgoingCall = {
    send: (bytes) => {
      if (this.#clientOver) return true;
      return this.#whenBegun(() => this.#requests!.send(() => this.#toServer((to) => to.message(bytes)), 1)) ?? true;
    },
    halfClose: () => void this.#whenBegun(() => this.#requests!.send(() => this.#toServer((to) => to.halfClosed()), 0)),
    cancel: () => this.#giveUp("CANCELLED", "Cancelled on client"),
    pause: () => void this.#whenBegun(() => this.#answers!.pause()),
    resume: () => void this.#whenBegun(() => this.#answers!.resume()),
  };

  /** The connection is there: everything said before goes out. */
  begin(carrier: CallCarrier): void {
    if (this.#clientOver) return;
    this.#carrier = carrier;
    this.#requests = new MemoryLane(carrier.toServer, carrier.toClient, {
      drained: () => this.#clientOver || this.#listener.drained?.(),
      paused: true,
    });
    this.#answers = new MemoryLane(carrier.toClient, carrier.toServer, {
      drained: () => this.#toServer((to) => to.drained?.()),
      paused: false,
    });
    carrier.toServer.send(() => this.#arrive(carrier));
    for (const action of this.#early.splice(0)) action();
  }

  /** The client's end of the connection broke, or there never was one. */
  clientBroken(code: ErrorCode, reason: string): void {
    const error = new FabricError(code, reason);
    this.#endClient(() => this.#listener.ended({ ...endOfError(error), trailers: new CallMetadata(), error }), code);
  }

  serverBroken(): void {
    if (this.#serverOver) return;
    this.#toServer((to) => to.cancelled(), true);
  }

  #whenBegun<T>(action: () => T): T | undefined {
    if (this.#clientOver) return undefined;
    if (this.#carrier) return action();
    this.#early.push(() => void action());
    return undefined;
  }

  #giveUp(code: "CANCELLED" | "DEADLINE_EXCEEDED", details: string): void {
    if (this.#clientOver) return;
    const status = { code: Status[code] as number, details, metadata: toGrpcMetadata(new CallMetadata()) };
    this.#carrier?.toServer.send(() => this.serverBroken());
    this.#endClient(() => this.#listener.ended(endOfStatus(status, false, code === "CANCELLED")), code);
  }

  #endClient(tell: () => void, what: string): void {
    if (this.#clientOver) return;
    this.#clientOver = true;
    this.#cancelDeadline();
    this.#settled(what);
    queueMicrotask(tell);
    if (this.#serverOver || !this.#carrier) this.#carrier?.ended(this);
  }

  #toServer(tell: (to: IncomingListener) => void, last = false): void {
    if (this.#serverOver) return;
    if (last) this.#endServer();
    if (this.#serving) tell(this.#serving);
  }

  #endServer(): void {
    this.#serverOver = true;
    this.#cancelServerDeadline();
    if (this.#clientOver) this.#carrier?.ended(this);
  }

  #toClient(tell: (to: CallListener) => void): void {
    if (!this.#clientOver) tell(this.#listener);
  }

  #arrive(carrier: CallCarrier): void {
    if (this.#serverOver) return;
    const { path, metadata, timeoutMs } = this.#start;
    if (timeoutMs !== undefined) {
      this.#cancelServerDeadline = carrier.serverClock.after(timeoutMs, () => this.serverBroken());
    }
    carrier.arrived({
      path,
      metadata: metadata.clone(),
      timeoutMs,
      peer: carrier.clientAddress,
      listen: (listener) => {
        this.#serving = listener;
        this.#requests!.resume();
      },
      accept: (by) => {
        if (this.#serverOver || this.#headersSent) return;
        this.#answers!.send(() => this.#toClient((to) => to.accepted?.(by)), 0);
      },
      sendHeaders: (headers) => this.#sendHeaders(headers),
      send: (bytes) => {
        if (this.#serverOver) return true;
        this.#sendHeaders(new CallMetadata());
        if (this.#answerLost) return true;
        return this.#answers!.send(() => this.#toClient((to) => to.message(bytes)), 1);
      },
      finish: ({ status, message, trailers }) => {
        if (this.#serverOver) return;
        this.#beginAnswer();
        this.#endServer();
        if (this.#answerLost) return;
        const details = new CallMetadata();
        details.append("content-type-of-peer", "application/grpc");
        for (const [key, value] of trailers.entries()) details.append(key, value);
        const object = { code: status as number, details: message, metadata: toGrpcMetadata(details) };
        this.#answers!.send(
          () =>
            this.#endClient(
              () => this.#listener.ended(withoutMark(endOfStatus(object, this.#headersReceived, false))),
              `status ${status}`,
            ),
          0,
        );
      },
      pause: () => this.#requests!.pause(),
      resume: () => this.#requests!.resume(),
    });
  }

  #beginAnswer(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#answerLost = this.#carrier!.losesAnswer(this.path);
  }

  #sendHeaders(headers: CallMetadata): void {
    if (this.#serverOver || this.#headersSent) return;
    this.#beginAnswer();
    if (this.#answerLost) return;
    this.#answers!.send(
      () =>
        this.#toClient((to) => {
          this.#headersReceived = true;
          to.headers(headers);
        }),
      0,
    );
  }
}

/** A peer's trailers are never empty on the wire, and the transport's own part is not shown. */
function withoutMark<E extends { readonly trailers: CallMetadata }>(end: E): E {
  end.trailers.delete("content-type-of-peer");
  return end;
}
