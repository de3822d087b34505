import type { LogFields } from "../../core/logger";

/**
 * What a worker's main thread and a thread that runs handlers say to each other over their port. It is ordered, ends with the thread,
 * and both sides are of the same version.
 */

/** What one side had to say of calls, in order. */
export interface Batch {
  readonly kind: "calls";
  /** Operations, each an `OP` and its operands; `BatchReader` knows which. */
  readonly words: readonly Word[];
  /** Messages for which the ring has no room. Moved to the receiver, not copied. */
  readonly moved: readonly ArrayBuffer[];
}

export type Word = number | string;

export const OP = {
  /** Main: id, path, peer, authority ("": none), certificate by its fingerprint ("": none), timeoutMs (−1: none), metadata. */
  open: 1,
  /** Both: id, bytes. */
  message: 2,
  /** Main: id. The caller sends no more. */
  halfClose: 3,
  /** Main: id. The caller is gone. */
  cancel: 4,
  /** Thread: id, metadata. */
  headers: 5,
  /** Thread: id, status, message, metadata. The last of a call. */
  finish: 6,
  /** Both: id, number. So many more of the window's bytes may be sent. */
  credit: 7,
  /** Thread: id. The handler was told of the cancel; the last of a call. */
  cancelled: 8,
  /** Thread: batches that it has read and calls that it has begun since it said so last, and how many ms beginning those took. */
  taken: 9,
  /** Main: 0, the certificate of a caller without its bytes (JSON), its bytes. Before the first call that names it. */
  certificate: 10,
  /** Thread: id, encoding. */
  compress: 11,
  /** Thread: as `message`, but it may not be compressed. */
  messageAsIs: 12,
} as const;

export type ToThread = Batch | { readonly kind: "stop" };

export type FromThread =
  | Batch
  /** First, and once: it has loaded the handlers. */
  | ({ readonly kind: "ready" } & ThreadServices)
  /** It cannot load the handlers, and ends. */
  | { readonly kind: "failed"; readonly reason: string }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly message: string;
      readonly fields: LogFields;
    };

/** What a thread serves. */
export interface ThreadServices {
  readonly services: readonly {
    readonly fullName: string;
    /** "/package.Service/Method". */
    readonly paths: readonly string[];
  }[];
  /** FileDescriptorSet of the services, where the handlers come with one. */
  readonly descriptors: Uint8Array | undefined;
}
