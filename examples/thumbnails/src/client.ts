import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "heddle/client";

import type { Image } from "../generated/thumbnails/v1/image.js";
import { ThumbnailServiceDefinition } from "../generated/thumbnails/v1/thumbnails.js";
import { fromPgm, toPgm } from "./pgm.js";

const [pictureFile] = process.argv.slice(2);
const picture = pictureFile ? fromPgm(readFileSync(pictureFile)) : testCard();

// Finds the directors by DIRECTOR_ADDR, and the workers through them.
const fabric = connect();
const thumbnails = fabric.client(ThumbnailServiceDefinition);

let worker = "";
const bounds = { maxWidth: 32, maxHeight: 32 };
const { image } = await thumbnails.resize(
  { image: picture, bounds },
  { timeoutMs: 10_000, onTrailers: (trailers) => (worker = trailers.text("heddle-worker") ?? "") },
);
save("thumbnail.pgm", image);
console.log(`made by ${worker}`);

const sides = [64, 16, 4];
const requests = sides.map((side) => ({
  name: `thumbnail-${side}.pgm`,
  request: { image: picture, bounds: { maxWidth: side, maxHeight: side } },
}));
for await (const { name, image } of thumbnails.resizeMany(requests)) save(name, image);

await fabric.close();

function save(file: string, image: Image | undefined): void {
  if (!image) throw new Error(`${file}: the worker answered without a picture`);
  writeFileSync(file, toPgm(image));
  console.log(`${file}: ${image.width} × ${image.height}`);
}

/** 256 × 128: white squares of 8 on the left, a slope from black to white on the right. */
function testCard(): Image {
  const [width, height] = [256, 128];
  const pixels = Buffer.alloc(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isWhite = (x >> 3) % 2 === (y >> 3) % 2;
      pixels[y * width + x] = x < 128 ? Number(isWhite) * 255 : (x - 128) * 2;
    }
  }
  return { width, height, pixels };
}
