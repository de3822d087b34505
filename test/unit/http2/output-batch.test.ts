import { Writable, type Duplex } from "node:stream";
import { OutputBatch } from "../../../src/http2/output-batch";

const HIGH_WATER_BYTES = 20_000;
const PIECE = Buffer.alloc(16_000);

/** A socket whose kernel takes everything at once, or nothing. */
function rig(takes: boolean) {
  const written: number[] = [];
  const socket = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      written.push(chunk.length);
      if (takes) callback();
    },
  });
  return { written, batch: new OutputBatch(socket as unknown as Duplex, HIGH_WATER_BYTES, () => {}) };
}

describe("OutputBatch", () => {
  it("is written before the turn's end when it is full and the socket takes it, so that who sends need not keep the rest", () => {
    const { written, batch } = rig(true);
    batch.append(PIECE, 0, PIECE.length);
    expect(batch.room(1_000)).toBe(HIGH_WATER_BYTES - PIECE.length);
    expect(written).toEqual([]);
    expect(batch.room(PIECE.length)).toBe(HIGH_WATER_BYTES);
    expect(written).toEqual([PIECE.length]);
  });

  it("holds the sender back at the high-water mark while the socket takes nothing", () => {
    const { written, batch } = rig(false);
    for (const expected of [4_000, 0]) {
      const room = Math.min(PIECE.length, batch.room(PIECE.length));
      batch.append(PIECE, 0, room);
      expect(batch.room(PIECE.length)).toBe(expected);
    }
    expect(batch.pendingBytes).toBe(HIGH_WATER_BYTES);
    expect(written).toEqual([PIECE.length]);
  });

  it("waits for the turn's end after some writes, however fast the peer reads", async () => {
    const { written, batch } = rig(true);
    let turnBytes = 0;
    for (let room = batch.room(PIECE.length); room > 0; room = batch.room(PIECE.length)) {
      batch.append(PIECE, 0, Math.min(room, PIECE.length));
      turnBytes += Math.min(room, PIECE.length);
    }
    expect(written).toHaveLength(16);
    await new Promise((resolve) => setImmediate(resolve));
    expect(written.reduce((sum, bytes) => sum + bytes)).toBe(turnBytes);
    expect(batch.room(PIECE.length)).toBe(HIGH_WATER_BYTES);
  });
});
