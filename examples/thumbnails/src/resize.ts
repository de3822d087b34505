import type { Image } from "../generated/thumbnails/v1/image.js";
import { ResizeRequest_Filter, type ResizeRequest_Bounds } from "../generated/thumbnails/v1/thumbnails.js";

/** What is wrong with a picture; "" when nothing is. */
export function imageMistake(image: Image | undefined): string {
  if (!image) return "is missing";
  const { width, height, pixels } = image;
  if (width === 0 || height === 0) return `${width} × ${height} has no pixels`;
  return pixels.length === width * height
    ? ""
    : `${width} × ${height} needs ${width * height} pixels, not ${pixels.length}`;
}

/** Makes a picture fit into the bounds; one that does already is returned as it is. */
export function resize(image: Image, bounds: ResizeRequest_Bounds, filter = ResizeRequest_Filter.BOX): Image {
  const scale = Math.min(1, bounds.maxWidth / image.width, bounds.maxHeight / image.height);
  if (scale === 1) return image;
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const sample = filter === ResizeRequest_Filter.NEAREST ? middlePixel : meanPixel;
  const pixels = Buffer.alloc(width * height);
  for (let y = 0; y < height; y += 1) {
    const rows = span(y, height, image.height);
    for (let x = 0; x < width; x += 1) {
      pixels[y * width + x] = sample(image, span(x, width, image.width), rows);
    }
  }
  return { width, height, pixels };
}

/** Pixels from `start` up to, but without, `end`. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Which of `from` pixels fall on the `index`th of `to`: at least one, and each on exactly one. */
function span(index: number, to: number, from: number): Span {
  return { start: Math.floor((index * from) / to), end: Math.floor(((index + 1) * from) / to) };
}

function meanPixel({ width, pixels }: Image, columns: Span, rows: Span): number {
  let sum = 0;
  for (let y = rows.start; y < rows.end; y += 1) {
    for (let x = columns.start; x < columns.end; x += 1) sum += pixels[y * width + x] ?? 0;
  }
  return Math.round(sum / ((columns.end - columns.start) * (rows.end - rows.start)));
}

function middlePixel({ width, pixels }: Image, columns: Span, rows: Span): number {
  const x = Math.floor((columns.start + columns.end) / 2);
  const y = Math.floor((rows.start + rows.end) / 2);
  return pixels[y * width + x] ?? 0;
}
