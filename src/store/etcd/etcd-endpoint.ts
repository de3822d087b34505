/*
 * The only file that knows etcd3 and @grpc/grpc-js. etcd3 gives us the typed unary calls, authentication and the raw streams
 * of its internal clients, on one set of channels. Its own watcher, election, lock, lease loop and retries are not used: they
 * lose events, report a lost lease late, and repeat transactions (docs/decisions/0004).
 *
 * grpc-js itself is imported for one thing that etcd3 has no option for: an interceptor that adds the `hasleader` metadata to
 * every call, and knows the calls in flight so that `close` can end them.
 */
import { InterceptingCall } from "@grpc/grpc-js";
import type { Interceptor } from "@grpc/grpc-js";
import { Etcd3, EtcdLeaseInvalidError, EtcdPermissionDeniedError, GRPCInvalidArgumentError } from "etcd3";
import type {
  IKeyValue,
  ILeaseKeepAliveResponse,
  IOptions,
  IRangeResponse,
  IRequestOp,
  ITxnResponse,
  IWatchResponse,
} from "etcd3";
import type { Clock } from "../../core/clock";
import { Status } from "../../core/status";
import type { Condition, StoreChange, StoreEntry } from "../store";

export interface EtcdEndpointOptions {
  /** `host:port`, with or without scheme. */
  readonly address: string;
  readonly tls?: { readonly rootCertificate: Buffer; readonly certChain?: Buffer; readonly privateKey?: Buffer };
  readonly auth?: { readonly username: string; readonly password: string };
  readonly clock: Clock;
}

/** A key range as etcd wants it: from `key` up to, not including, `end`; only `key` when there is no `end`. */
export interface KeyRange {
  readonly key: Buffer;
  /** Never empty: etcd takes a range end that is there but empty for "to the end of all keys". */
  readonly end?: Buffer;
}

export interface RangeAnswer {
  readonly clusterId: string;
  readonly revision: number;
  readonly entries: readonly StoreEntry[];
}

export type EtcdWrite =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly leaseId?: string }
  | { readonly kind: "delete"; readonly key: string };

/** What a watch stream tells; `ended` comes once and last. */
export interface WatchListener {
  /** etcd accepted the watch. */
  created(): void;
  /** Changes of whole revisions, in order. */
  changes(changes: readonly StoreChange[]): void;
  ended(reason: string): void;
}

/** Whether etcd answered and refused, so that asking again, or elsewhere, is of no use. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof EtcdLeaseInvalidError ||
    error instanceof EtcdPermissionDeniedError ||
    error instanceof GRPCInvalidArgumentError
  );
}

/** etcd3's own fault handling repeats transactions and blocks hosts by itself; this one calls through, once. */
const DIRECT: NonNullable<NonNullable<IOptions["faultHandling"]>["global"]> = {
  _altReturn: undefined as never,
  onSuccess: () => ({ dispose: () => {} }),
  onFailure: () => ({ dispose: () => {} }),
  execute: async (call) => call({ signal: new AbortController().signal }),
};

/** One etcd server. Every unary call ends by its timeout; streams end by `cancel` or `close`. Repeats nothing. */
export class EtcdEndpoint {
  readonly address: string;
  readonly #etcd: Etcd3;
  readonly #clock: Clock;
  readonly #callsInFlight = new Set<InterceptingCall>();

  constructor({ address, tls, auth, clock }: EtcdEndpointOptions) {
    this.address = address;
    this.#clock = clock;
    this.#etcd = new Etcd3({
      hosts: address,
      ...(tls && { credentials: tls }),
      ...(auth && { auth: { ...auth, callOptions: () => this.#deadline(AUTHENTICATE_TIMEOUT_MS) } }),
      faultHandling: { global: DIRECT, host: () => DIRECT },
      grpcOptions: {
        // Finds a frozen or vanished server under a stream. etcd hangs up on clients that ping more often than every 5 s.
        "grpc.keepalive_time_ms": 10_000,
        "grpc.keepalive_timeout_ms": 3_000,
        "grpc.initial_reconnect_backoff_ms": 200,
        "grpc.max_reconnect_backoff_ms": 1_000,
        "grpc.use_local_subchannel_pool": 1,
        "grpc.service_config_disable_resolution": 1,
        "grpc.enable_http_proxy": 0,
        // A list is one answer, however many members there are.
        "grpc.max_receive_message_length": -1,
        interceptors: [this.#interceptor()],
      },
    });
  }

  async range({ key, end }: KeyRange, timeoutMs: number): Promise<RangeAnswer> {
    return toRangeAnswer(await this.#etcd.kv.range({ key, ...(end && { range_end: end }) }, this.#deadline(timeoutMs)));
  }

  async transact(
    conditions: readonly Condition[],
    writes: readonly EtcdWrite[],
    timeoutMs: number,
  ): Promise<{ readonly succeeded: boolean; readonly revision: number; readonly deletedCount: number }> {
    const answer = await this.#etcd.kv.txn(
      { compare: conditions.map(toCompare), success: writes.map(toRequest), failure: [] },
      this.#deadline(timeoutMs),
    );
    return {
      succeeded: answer.succeeded,
      revision: Number(answer.header.revision),
      deletedCount: countDeleted(answer),
    };
  }

  /** Resolves to the lease and the TTL that etcd chose, which may be longer. */
  async grantLease(
    ttlSeconds: number,
    timeoutMs: number,
  ): Promise<{ readonly leaseId: string; readonly ttlMs: number }> {
    const answer = await this.#etcd.leaseClient.leaseGrant({ TTL: ttlSeconds }, this.#deadline(timeoutMs));
    return { leaseId: answer.ID, ttlMs: Number(answer.TTL) * 1_000 };
  }

  async revokeLease(leaseId: string, timeoutMs: number): Promise<void> {
    await this.#etcd.leaseClient.leaseRevoke({ ID: leaseId }, this.#deadline(timeoutMs));
  }

  /**
   * Renews once, on a stream of its own, so that a renewal has a deadline like every other call. Resolves to the TTL that is
   * left; 0 when the lease is gone.
   */
  async renewLease(leaseId: string, timeoutMs: number): Promise<number> {
    const stream = await this.#etcd.leaseClient.leaseKeepAlive(this.#deadline(timeoutMs));
    try {
      return await new Promise<number>((resolve, reject) => {
        stream.on("data", (answer: ILeaseKeepAliveResponse) => resolve(Number(answer.TTL) * 1_000));
        stream.on("error", reject);
        stream.on("end", () => reject(new Error("the keepalive stream ended without an answer")));
        stream.write({ ID: leaseId });
      });
    } finally {
      // `end` first: etcd3 takes an error on a stream that is still writable for a failure of the host.
      stream.end();
      stream.cancel();
    }
  }

  /** Opens a watch. Returns at once; the function returned ends the stream. */
  watch({ key, end }: KeyRange, startRevision: number, listener: WatchListener): () => void {
    let ended = false;
    let endStream = () => {};
    const finish = (reason: string) => {
      if (ended) return;
      ended = true;
      endStream();
      listener.ended(reason);
    };
    const opened = this.#etcd.watchClient.watch().then((stream) => {
      endStream = () => {
        stream.end();
        stream.cancel();
      };
      if (ended) {
        endStream();
        return;
      }
      stream.on("error", (error: Error) => finish(error.message));
      stream.on("end", () => finish("the watch stream ended"));
      stream.on("data", (answer: IWatchResponse) => {
        if (ended) return;
        // Both at once when the start revision is compacted, and a cancel at any time when the watcher falls behind.
        if (answer.canceled) {
          finish(`etcd cancelled the watch: ${answer.cancel_reason || `revision ${startRevision} is compacted`}`);
          return;
        }
        if (answer.created) listener.created();
        if (answer.events.length > 0) listener.changes(answer.events.map(toChange));
      });
      stream.write({ create_request: { key, ...(end && { range_end: end }), start_revision: String(startRevision) } });
    });
    opened.catch((error: unknown) => finish(error instanceof Error ? error.message : String(error)));
    return () => {
      ended = true;
      endStream();
    };
  }

  /** Ends every call in flight and the connections. */
  close(): void {
    for (const call of [...this.#callsInFlight]) call.cancelWithStatus(Status.UNAVAILABLE, "the store was closed");
    this.#etcd.close();
  }

  #deadline(timeoutMs: number): { deadline: number } {
    return { deadline: this.#clock.wallMs() + timeoutMs };
  }

  #interceptor(): Interceptor {
    return (options, nextCall) => {
      const call = new InterceptingCall(nextCall(options), {
        start: (metadata, _listener, next) => {
          // Without it, a server that is cut off from its cluster keeps a watch open and silent.
          metadata.set("hasleader", "true");
          next(metadata, {
            onReceiveStatus: (status, nextStatus) => {
              this.#callsInFlight.delete(call);
              nextStatus(status);
            },
          });
        },
      });
      this.#callsInFlight.add(call);
      return call;
    };
  }
}

const AUTHENTICATE_TIMEOUT_MS = 3_000;

function toRangeAnswer({ header, kvs }: IRangeResponse): RangeAnswer {
  return { clusterId: header.cluster_id, revision: Number(header.revision), entries: kvs.map(toEntry) };
}

function toEntry(pair: IKeyValue): StoreEntry {
  return {
    key: pair.key.toString("utf8"),
    value: Uint8Array.from(pair.value),
    createRevision: Number(pair.create_revision),
    modRevision: Number(pair.mod_revision),
  };
}

function toChange({ type, kv }: IWatchResponse["events"][number]): StoreChange {
  if (type === "Put") return { kind: "put", entry: toEntry(kv) };
  return { kind: "delete", key: kv.key.toString("utf8"), modRevision: Number(kv.mod_revision) };
}

function toCompare(condition: Condition) {
  const key = Buffer.from(condition.key);
  return "createRevision" in condition
    ? ({ key, result: "Equal", target: "Create", create_revision: condition.createRevision } as const)
    : ({ key, result: "Equal", target: "Mod", mod_revision: condition.modRevision } as const);
}

function toRequest(write: EtcdWrite): IRequestOp {
  const key = Buffer.from(write.key);
  if (write.kind === "delete") return { request_delete_range: { key } };
  return { request_put: { key, value: Buffer.from(write.value), lease: write.leaseId ?? 0 } };
}

function countDeleted({ responses }: ITxnResponse): number {
  let count = 0;
  for (const { response_delete_range: deletion } of responses) count += deletion ? Number(deletion.deleted) : 0;
  return count;
}
