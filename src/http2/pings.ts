import type { EngineClock, EngineRandom } from "./clock";
import type { FrameWriter } from "./frame-writer";

/** PINGs that may wait for their answer; more are not sent. */
const OUTSTANDING_MAX = 16;

interface Outstanding {
  readonly payload: Buffer;
  readonly sentMs: number;
  readonly onAck: (roundTripMs: number) => void;
}

/** PINGs of ours and their answers (RFC 9113 §6.7). Payloads are random, so that an answer proves that the question was read. */
export class Pings {
  readonly #writer: FrameWriter;
  readonly #clock: EngineClock;
  readonly #random: EngineRandom;
  readonly #outstanding: Outstanding[] = [];

  constructor(writer: FrameWriter, clock: EngineClock, random: EngineRandom) {
    this.#writer = writer;
    this.#clock = clock;
    this.#random = random;
  }

  /** False: too many are under way, and none was sent. */
  send(onAck: (roundTripMs: number) => void): boolean {
    if (this.#outstanding.length >= OUTSTANDING_MAX) return false;
    const payload = Buffer.allocUnsafe(8);
    payload.writeUInt32BE(this.#random.below(0x1_0000_0000), 0);
    payload.writeUInt32BE(this.#random.below(0x1_0000_0000), 4);
    this.#outstanding.push({ payload, sentMs: this.#clock.monotonicMs(), onAck });
    this.#writer.ping(payload, 0, false);
    return true;
  }

  /** False: an answer to nothing we asked. */
  acknowledge(buffer: Buffer, start: number): boolean {
    const at = this.#outstanding.findIndex(({ payload }) => payload.compare(buffer, start, start + 8) === 0);
    if (at === -1) return false;
    const [{ sentMs, onAck }] = this.#outstanding.splice(at, 1) as [Outstanding];
    onAck(this.#clock.monotonicMs() - sentMs);
    return true;
  }
}
