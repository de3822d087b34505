import type { ConnectionParts } from "./connection-parts";
import { ErrorCode, Http2Error } from "./error-codes";
import { grownWindow } from "./flow-window";
import { readStreamId } from "./frame-parser";
import { FrameFlag, STREAM_ID_MAX } from "./frame-types";

/** What SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM and PRIORITY do (RFC 9113 §6.3 to §6.9). Each is given its payload. */

/** §6.5 */
export function receiveSettings(
  parts: ConnectionParts,
  flags: number,
  id: number,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  if (id !== 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream");
  if ((flags & FrameFlag.ACK) !== 0) {
    if (end !== start) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with a payload");
    parts.settingsAcknowledged();
    return;
  }
  if ((end - start) % 6 !== 0) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a broken length");
  parts.guard.charge("settingsFrames");
  const { peer } = parts;
  const windowBefore = peer.initialWindowBytes;
  const first = !peer.known;
  peer.apply(buffer, start, end, !parts.isServer);
  parts.encoder.setPeerLimit(peer.headerTableBytes);
  parts.writer.settingsAck();
  parts.answerWritten();
  const delta = peer.initialWindowBytes - windowBefore;
  if (delta !== 0) resizeSendWindows(parts, delta);
  parts.peerSettingsChanged(first);
}

/** §6.9.2: the change applies to all open streams, whose windows may become negative. */
function resizeSendWindows(parts: ConnectionParts, delta: number): void {
  const streams = parts.streams.all();
  for (const stream of streams) {
    const grown = grownWindow(stream.sendWindowBytes, delta);
    if (grown === undefined) throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS overflow a stream's window");
    stream.sendWindowBytes = grown;
  }
  if (delta > 0) for (const stream of streams) if (!stream.isClosed) parts.sender.streamGrew(stream);
}

/** §6.7 */
export function receivePing(
  parts: ConnectionParts,
  flags: number,
  id: number,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  if (id !== 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "PING on a stream");
  if (end - start !== 8) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "PING of a length other than 8");
  if ((flags & FrameFlag.ACK) !== 0) {
    if (!parts.pings.acknowledge(buffer, start)) parts.guard.charge("ignoredFrames");
    return;
  }
  parts.guard.charge("pingFrames");
  parts.writer.ping(buffer, start, true);
  parts.answerWritten();
}

/** §6.8 */
export function receiveGoaway(parts: ConnectionParts, id: number, buffer: Buffer, start: number, end: number): void {
  if (id !== 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream");
  if (end - start < 8) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY shorter than 8");
  parts.guard.charge("settingsFrames");
  const lastStreamId = readStreamId(buffer, start);
  const code = buffer.readUInt32BE(start + 4);
  parts.goawayReceived(lastStreamId, code, buffer.toString("utf8", start + 8, Math.min(end, start + 8 + 512)));
}

/** §6.9 */
export function receiveWindowUpdate(
  parts: ConnectionParts,
  id: number,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  if (end - start !== 4) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a length other than 4");
  parts.guard.charge("windowUpdates");
  const bytes = readStreamId(buffer, start);
  if (id === 0) {
    if (bytes === 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by 0");
    if (!parts.sender.grow(bytes))
      throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "connection window over 2^31 − 1");
    return;
  }
  const stream = parts.streams.get(id);
  if (stream === undefined) {
    if (parts.streams.isIdle(id)) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
    return; // closed: it was under way
  }
  if (bytes === 0) {
    parts.violation(stream, ErrorCode.PROTOCOL_ERROR);
    return;
  }
  const grown = grownWindow(stream.sendWindowBytes, bytes);
  if (grown === undefined) {
    parts.violation(stream, ErrorCode.FLOW_CONTROL_ERROR);
    return;
  }
  stream.sendWindowBytes = grown;
  parts.sender.streamGrew(stream);
}

/** §6.4 */
export function receiveReset(parts: ConnectionParts, id: number, buffer: Buffer, start: number, end: number): void {
  if (id === 0) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on stream 0");
  if (end - start !== 4) throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a length other than 4");
  if (parts.streams.isIdle(id)) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream");
  parts.guard.charge("peerResets");
  const stream = parts.streams.get(id);
  if (stream === undefined) return;
  const code = buffer.readUInt32BE(start);
  const refused = code === ErrorCode.REFUSED_STREAM && !parts.isServer;
  parts.endStream(stream, code, refused ? "unprocessed" : "peer");
}

/** §6.3: checked, and otherwise ignored (§5.3.2). */
export function receivePriority(parts: ConnectionParts, id: number, buffer: Buffer, start: number, end: number): void {
  if (id === 0 || id > STREAM_ID_MAX) throw new Http2Error(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0");
  parts.guard.charge("ignoredFrames");
  if (end - start !== 5) parts.streamFault(id, ErrorCode.FRAME_SIZE_ERROR);
  else if (readStreamId(buffer, start) === id) parts.streamFault(id, ErrorCode.PROTOCOL_ERROR);
}
