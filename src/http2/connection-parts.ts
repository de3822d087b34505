import type { FloodGuard } from "./flood-guard";
import type { ReceiveWindow } from "./flow-window";
import type { FrameWriter } from "./frame-writer";
import type { ConnectionHandler, ResetCause } from "./handlers";
import type { HpackDecoder } from "./hpack-decoder";
import type { HpackEncoder } from "./hpack-encoder";
import type { ResolvedOptions } from "./options";
import type { Pings } from "./pings";
import type { SendScheduler } from "./send-scheduler";
import type { PeerSettings } from "./settings";
import type { Http2Stream, StreamLink } from "./stream";
import type { StreamTable } from "./stream-table";

/** What the parts of a connection share, and what they ask of it as a whole. Internal to the engine. */
export interface ConnectionParts extends StreamLink {
  readonly options: ResolvedOptions;
  readonly handler: ConnectionHandler;
  readonly writer: FrameWriter;
  readonly encoder: HpackEncoder;
  readonly decoder: HpackDecoder;
  readonly sender: SendScheduler;
  readonly streams: StreamTable;
  readonly peer: PeerSettings;
  readonly guard: FloodGuard;
  readonly pings: Pings;
  readonly receiveWindow: ReceiveWindow;
  /** Of new streams: until our SETTINGS are acknowledged, the larger of ours and the RFC's initial size. */
  readonly initialReceiveWindowBytes: number;
  /** Streams of the peer above this are refused: shutdown was announced. */
  readonly lastAcceptedId: number;

  settingsAcknowledged(): void;
  peerSettingsChanged(first: boolean): void;
  goawayReceived(lastStreamId: number, code: number, debugData: string): void;
  setHeadersDeadline(pending: boolean): void;
  /** A stream that the peer opened: gives it an object. */
  newStream(id: number): Http2Stream;

  /** The peer broke a rule on an open stream: RST_STREAM, and `onReset`. */
  violation(stream: Http2Stream, code: number): void;
  /** The same for a stream that may not be open. */
  streamFault(id: number, code: number): void;
  /** Takes a stream out and tells its handler. */
  endStream(stream: Http2Stream, code: number, cause: ResetCause): void;
  /** Streams may have become free to start. */
  capacityChanged(): void;
}
