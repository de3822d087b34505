import { CallError } from "../../core/errors";
import { Status } from "../../core/status";
import { encodeGrayscalePng } from "./png";
import { integerParameter, type Task } from "./task";

function numberParameter(parameters: ReadonlyMap<string, string>, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === undefined || text === "") return otherwise;
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new CallError(Status.INVALID_ARGUMENT, `parameter "${name}" is "${text}": give a finite number`);
}

/**
 * A tile of the Mandelbrot set as a grayscale PNG. Parameters: `width`, `height` (1 to 4,096; default 256), `x`, `y` (centre;
 * default −0.5, 0), `scale` (width of the tile in the complex plane; default 3), `iterations` (1 to 100,000; default 200).
 */
export const mandelbrot: Task = function* ({ parameters }) {
  const size = { default: 256, min: 1, max: 4_096 };
  const width = integerParameter(parameters, "width", size);
  const height = integerParameter(parameters, "height", size);
  const iterationsMax = integerParameter(parameters, "iterations", { default: 200, min: 1, max: 100_000 });
  const centreX = numberParameter(parameters, "x", -0.5);
  const centreY = numberParameter(parameters, "y", 0);
  const step = numberParameter(parameters, "scale", 3) / width;

  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < height; row += 1) {
    const imaginary = centreY + (row - height / 2) * step;
    for (let column = 0; column < width; column += 1) {
      const real = centreX + (column - width / 2) * step;
      const iterations = escapeTime(real, imaginary, iterationsMax);
      pixels[row * width + column] = 255 - Math.floor((255 * iterations) / iterationsMax);
    }
    yield (row + 1) / height;
  }
  return { output: encodeGrayscalePng(pixels, width, height), contentType: "image/png" };
};

function escapeTime(real: number, imaginary: number, iterationsMax: number): number {
  let zReal = 0;
  let zImaginary = 0;
  let iterations = 0;
  while (iterations < iterationsMax && zReal * zReal + zImaginary * zImaginary <= 4) {
    const nextReal = zReal * zReal - zImaginary * zImaginary + real;
    zImaginary = 2 * zReal * zImaginary + imaginary;
    zReal = nextReal;
    iterations += 1;
  }
  return iterations;
}
