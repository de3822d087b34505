import type { ConnectionParts } from "./connection-parts";
import { ErrorCode, Http2Error } from "./error-codes";
import { CLIENT_PREFACE, FRAME_SIZE_MIN, WINDOW_INITIAL } from "./frame-types";
import { HEADER_TABLE_INITIAL_BYTES } from "./hpack-decoder";
import { SettingId } from "./settings";

/** How a connection begins (RFC 9113 §3.4): a client's magic octets, SETTINGS of both, and the connection's window. */
export function sendPreface({ options, isServer, writer, decoder }: ConnectionParts): void {
  if (!isServer) writer.raw(CLIENT_PREFACE);
  const parameters: [number, number][] = [
    [SettingId.INITIAL_WINDOW_SIZE, options.streamWindowBytes],
    [SettingId.MAX_HEADER_LIST_SIZE, options.limits.headerListBytes],
    isServer ? [SettingId.MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams] : [SettingId.ENABLE_PUSH, 0],
  ];
  if (options.maxFrameBytes !== FRAME_SIZE_MIN) parameters.push([SettingId.MAX_FRAME_SIZE, options.maxFrameBytes]);
  if (options.headerTableBytes !== HEADER_TABLE_INITIAL_BYTES) {
    parameters.push([SettingId.HEADER_TABLE_SIZE, options.headerTableBytes]);
    // A larger table may be used as soon as it is announced, a smaller one must be once it is acknowledged.
    decoder.setTableLimit(Math.max(HEADER_TABLE_INITIAL_BYTES, options.headerTableBytes));
  }
  writer.settings(parameters);
  if (options.connectionWindowBytes > WINDOW_INITIAL) {
    writer.windowUpdate(0, options.connectionWindowBytes - WINDOW_INITIAL);
  }
}

/** Compares a client's first octets as they come, so that a wrong one ends the connection at once. */
export class PrefaceCheck {
  #left: number;

  constructor(isServer: boolean) {
    this.#left = isServer ? CLIENT_PREFACE.length : 0;
  }

  get isComplete(): boolean {
    return this.#left === 0;
  }

  /** Returns where the preface ends in `chunk`. */
  take(chunk: Buffer): number {
    const at = CLIENT_PREFACE.length - this.#left;
    const take = Math.min(this.#left, chunk.length);
    if (chunk.compare(CLIENT_PREFACE, at, at + take, 0, take) !== 0) {
      throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "not the preface of HTTP/2");
    }
    this.#left -= take;
    return take;
  }
}
