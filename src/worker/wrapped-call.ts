import type {
  Acceptance,
  CallEnd,
  IncomingCall,
  IncomingListener,
  MessageCompression,
  PeerCertificate,
} from "../core/call";
import type { CallMetadata } from "../core/call-metadata";

/** A call with another one inside, which has all that is not said otherwise. A class, because a copy of a call lacks its getters. */
export abstract class WrappedCall implements IncomingCall {
  protected readonly inner: IncomingCall;

  constructor(inner: IncomingCall) {
    this.inner = inner;
  }

  get path(): string {
    return this.inner.path;
  }

  get metadata(): CallMetadata {
    return this.inner.metadata;
  }

  get timeoutMs(): number | undefined {
    return this.inner.timeoutMs;
  }

  get peer(): string {
    return this.inner.peer;
  }

  get authority(): string | undefined {
    return this.inner.authority;
  }

  get draining(): AbortSignal | undefined {
    return this.inner.draining;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.inner.peerCertificate?.();
  }

  abstract listen(listener: IncomingListener): void;

  compress(compression: MessageCompression): void {
    this.inner.compress?.(compression);
  }

  accept(by: Acceptance): void {
    this.inner.accept?.(by);
  }

  sendHeaders(metadata: CallMetadata): void {
    this.inner.sendHeaders(metadata);
  }

  send(bytes: Uint8Array): boolean {
    return this.inner.send(bytes);
  }

  finish(end: Omit<CallEnd, "error">): void {
    this.inner.finish(end);
  }

  pause(): void {
    this.inner.pause();
  }

  resume(): void {
    this.inner.resume();
  }
}
