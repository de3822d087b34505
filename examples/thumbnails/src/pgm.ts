import type { Image } from "../generated/thumbnails/v1/image.js";

/** Reads a binary PGM (P5) of 8 bits: the simplest picture format there is. */
export function fromPgm(bytes: Buffer): Image {
  const header = /^P5\s+(?:#.*\s+)*(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString("latin1", 0, 1024));
  if (!header) throw new Error("not a binary PGM (P5) with 255 as its maximum");
  const [all, width, height] = header;
  return { width: Number(width), height: Number(height), pixels: bytes.subarray(all.length) };
}

export function toPgm({ width, height, pixels }: Image): Buffer {
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), pixels]);
}
