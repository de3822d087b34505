import { connect } from "node:net";
import { ExplainRequest, ListMembersRequest, ListMembersResponse } from "../../../generated/heddle/v1/director";
import { Http2Connection } from "../../../src/http2/connection";
import { ErrorCode, errorCodeName } from "../../../src/http2/error-codes";
import type { StreamHandler } from "../../../src/http2/handlers";
import { HeaderList } from "../../../src/http2/header-list";
import type { Http2Stream } from "../../../src/http2/stream";
import { frameOf } from "../../../src/rpc/framing/message-reader";
import { engineOptions } from "../http2-parts";

/** RST_STREAM goes out in one piece with HEADERS, or with the request; or when the answer's head, or a part of it, is here. */
type ResetMoment = "with HEADERS" | "with the request" | "at the answer's head" | "within the answer";

interface Cancel {
  readonly path: string;
  readonly request: Uint8Array;
  readonly moment: ResetMoment;
}

const DIRECTOR = "/heddle.v1.DirectorService";
/** The same for every request of which all is default. */
const NOTHING = ListMembersRequest.encode({ states: [], role: "", match: "", service: "" }).finish();
const EXPLAIN = ExplainRequest.encode(ExplainRequest.fromPartial({ method: "heddle.compute.v1.ComputeService" }));

/** Control calls that are cancelled, of each kind: what answers once, what answers without end, and what workers call. */
export const CONTROL_CANCELS: readonly Cancel[] = [
  { path: `${DIRECTOR}/ListMembers`, request: NOTHING, moment: "with HEADERS" },
  { path: "/heddle.v1.AttachService/Attach", request: NOTHING, moment: "with HEADERS" },
  { path: `${DIRECTOR}/Explain`, request: EXPLAIN.finish(), moment: "with the request" },
  { path: `${DIRECTOR}/ListMembers`, request: NOTHING, moment: "at the answer's head" },
  { path: `${DIRECTOR}/WatchEvents`, request: NOTHING, moment: "within the answer" },
  { path: `${DIRECTOR}/WatchEndpoints`, request: NOTHING, moment: "within the answer" },
];

/** A client of the director's own services on one connection, which cancels what it begins. */
export class ControlStormClient {
  readonly #connection: Http2Connection;
  /** Resets sent. */
  cancelled = 0;
  /** What became of calls otherwise than meant: ended before they could be cancelled, or never begun. */
  readonly amiss = new Set<string>();
  /** Why the director ended the connection; "" while it is open. */
  lost = "";

  constructor(address: string) {
    const [host, port] = address.split(":");
    const socket = connect({ host: host!, port: Number(port), noDelay: true });
    const onClose = ({ kind, code, message }: { kind: string; code: number; message: string }) => {
      this.lost = `${kind} ${errorCodeName(code)}: ${message}`;
    };
    this.#connection = new Http2Connection("client", socket, { onClose }, engineOptions());
  }

  close(): void {
    this.#connection.destroy();
  }

  /** Begins each of `CONTROL_CANCELS` so many times; resolves when all of them are cancelled. */
  async cancel(count: number): Promise<void> {
    const cancels: Promise<void>[] = [];
    for (let done = 0; done < count; done += 1) for (const each of CONTROL_CANCELS) cancels.push(this.#cancel(each));
    await Promise.all(cancels);
  }

  /** How many members a call tells of that is not cancelled; rejects when it is not answered. */
  listMembers(): Promise<number> {
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      const ended = (list: HeaderList) => {
        const status = list.get("grpc-status");
        if (status === "0") resolve(ListMembersResponse.decode(Buffer.concat(parts).subarray(5)).members.length);
        else reject(new Error(`grpc-status ${status}: ${list.get("grpc-message")}`));
      };
      const stream = this.#start(`${DIRECTOR}/ListMembers`, {
        onHeaders: (_stream, list, endStream) => endStream && ended(list),
        onData: (from, chunk, start, end) => {
          parts.push(Buffer.from(chunk.subarray(start, end)));
          from.consume(end - start);
        },
        onTrailers: (_stream, list) => ended(list),
        onReset: (_stream, code, cause) => reject(new Error(`reset by the ${cause} with ${errorCodeName(code)}`)),
        onWritable: () => {},
      });
      if (stream === undefined) reject(new Error(`no stream was free: ${this.lost}`));
      else send(stream, NOTHING);
    });
  }

  #cancel({ path, request, moment }: Cancel): Promise<void> {
    return new Promise((resolve) => {
      const reset = (stream: Http2Stream) => {
        if (stream.isClosed) return;
        this.cancelled += 1;
        stream.reset(ErrorCode.CANCEL);
        resolve();
      };
      const early = (what: string) => {
        this.amiss.add(`${path}, to be cancelled ${moment}: ${what}`);
        resolve();
      };
      const stream = this.#start(path, {
        onHeaders: (from, list, endStream) => {
          if (endStream) early(`grpc-status ${list.get("grpc-status")}: ${list.get("grpc-message")}`);
          else if (moment === "at the answer's head") reset(from);
        },
        onData: (from, _chunk, start, end) => {
          from.consume(end - start);
          if (moment === "within the answer") reset(from);
        },
        onTrailers: () => early("it ended"),
        onReset: (_stream, code, cause) => early(`reset by the ${cause} with ${errorCodeName(code)}`),
        onWritable: () => {},
      });
      if (stream === undefined) return early(`no stream was free: ${this.lost}`);
      if (moment !== "with HEADERS") send(stream, request);
      if (moment === "with HEADERS" || moment === "with the request") reset(stream);
    });
  }

  #start(path: string, handler: StreamHandler): Http2Stream | undefined {
    const head = [":method", "POST", ":scheme", "http", ":path", path, ":authority", "storm", "te", "trailers"];
    return this.#connection.startStream(HeaderList.of([...head, "content-type", "application/grpc"]), handler);
  }
}

/** The request and its end. */
function send(stream: Http2Stream, request: Uint8Array): void {
  const message = frameOf(request);
  stream.sendData(message, 0, message.length, true);
}
