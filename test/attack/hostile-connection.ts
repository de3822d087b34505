import type { Duplex } from "node:stream";
import { errorCodeName } from "../../src/http2/error-codes";
import { FrameFlag, FrameType } from "../../src/http2/frame-types";
import { HpackDecoder, LIST_TOO_LARGE } from "../../src/http2/hpack-decoder";
import { frame, FrameReader, PREFACE, type RawFrame, uint32 } from "../support/http2-raw-peer";
import type { Sightings } from "./sightings";

/** Written and not yet taken: beyond it the attacker waits, since its own memory proves nothing. */
const BACKLOG_BYTES_MAX = 1 << 20;

/** Answers whose status is read; of the rest it is enough that they came. */
const STATUSES_MAX = 2_000;

/** Half of what can be. */
const WINDOW_BYTES = 2 ** 30;

const ANSWER_BOUNDS = { bytesMax: 1 << 20, fieldsMax: 10_000 };

export interface HostileOptions {
  /** Payload of our first SETTINGS. Default: none. */
  readonly settings?: Buffer;
  /** Does not read what the target says. */
  readonly deaf?: boolean;
  /** Acknowledges nothing: for what must not be interrupted by a frame. */
  readonly mute?: boolean;
  /** Called with every frame that came. */
  readonly onFrame?: (received: RawFrame, connection: HostileConnection) => void;
}

/**
 * One end of an HTTP/2 connection that keeps no rule but those that keep it alive: it acknowledges SETTINGS and answers PING, and
 * what else it says is up to the attack.
 */
export class HostileConnection {
  readonly #socket: Duplex;
  readonly #seen: Sightings;
  readonly #options: HostileOptions;
  readonly #reader = new FrameReader();
  readonly #decoder = new HpackDecoder(ANSWER_BOUNDS);
  #statuses = 0;
  #prefaceLeft: number;
  #ended = false;
  #nextId = 1;

  constructor(socket: Duplex, role: "client" | "server", seen: Sightings, options: HostileOptions = {}) {
    this.#socket = socket;
    this.#seen = seen;
    this.#options = options;
    this.#prefaceLeft = role === "server" ? PREFACE.length : 0;
    socket.on("error", () => socket.destroy());
    if (role === "client") this.write(PREFACE);
    this.write(frame(FrameType.SETTINGS, 0, 0, options.settings));
    // What streams may take is up to the attack; their connection is to be in nobody's way.
    if (role === "client") this.write(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(WINDOW_BYTES)));
    if (options.deaf) socket.pause();
    else socket.on("data", (chunk: Buffer) => this.#read(chunk));
    const ended = () => {
      if (this.#ended) return;
      this.#ended = true;
      seen.ended += 1;
      socket.destroy();
    };
    socket.on("end", ended);
    socket.on("close", ended);
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  /** Whether the target takes what is written. */
  get hasRoom(): boolean {
    return !this.#ended && this.#socket.writableLength < BACKLOG_BYTES_MAX;
  }

  /** The id of a new stream. */
  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    return id;
  }

  /** Streams begun so far. */
  get streams(): number {
    return this.#nextId >> 1;
  }

  write(bytes: Buffer): void {
    if (this.#ended || !this.#socket.writable || bytes.length === 0) return;
    this.#seen.sentBytes += bytes.length;
    this.#socket.write(bytes);
  }

  /** Leaves without a word. */
  leave(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const skip = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skip;
    for (const received of this.#reader.read(chunk.subarray(skip))) this.#take(received);
  }

  #take(received: RawFrame): void {
    const { type, flags, payload } = received;
    const isAsked = !(flags & FrameFlag.ACK) && !this.#options.mute;
    if (type === FrameType.SETTINGS && isAsked) this.write(frame(FrameType.SETTINGS, FrameFlag.ACK, 0));
    if (type === FrameType.PING && isAsked) this.write(frame(FrameType.PING, FrameFlag.ACK, 0, payload));
    if (type === FrameType.RST_STREAM) this.#seen.note(`RST ${codeIn(payload, 0)}`);
    if (type === FrameType.GOAWAY)
      this.#seen.note(`GOAWAY ${codeIn(payload, 4)} ${payload.toString("latin1", 8, 80)}`.trim());
    if (type === FrameType.HEADERS) this.#readStatus(payload);
    this.#options.onFrame?.(received, this);
  }

  /** Of those who pad nothing and send no priority, as all targets do. */
  #readStatus(block: Buffer): void {
    if (this.#statuses >= STATUSES_MAX) return;
    this.#statuses += 1;
    try {
      const list = this.#decoder.decode(block, 0, block.length);
      if (list === LIST_TOO_LARGE) return;
      for (const name of [":status", "grpc-status"]) {
        const value = list.get(name);
        if (value !== undefined && value !== "200") this.#seen.note(`${name} ${value}`);
      }
    } catch {
      this.#statuses = STATUSES_MAX; // cut into CONTINUATION frames: the tables no longer agree
    }
  }
}

function codeIn(payload: Buffer, at: number): string {
  return payload.length < at + 4 ? "cut" : errorCodeName(payload.readUInt32BE(at));
}
