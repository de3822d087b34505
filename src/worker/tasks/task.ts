import type { Clock } from "../../core/clock";
import { CallError } from "../../core/errors";
import { Status } from "../../core/status";

export interface TaskInput {
  readonly input: Uint8Array;
  readonly parameters: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface TaskOutput {
  readonly output: Uint8Array;
  /** Media type of `output`. */
  readonly contentType: string;
}

/**
 * A named piece of work. Yields its progress (0–1, never falling) often enough, every few milliseconds of work, that the
 * worker stays responsive between yields; returns its output.
 */
export type Task = (input: TaskInput) => AsyncGenerator<number, TaskOutput> | Generator<number, TaskOutput>;

/** @throws CallError INVALID_ARGUMENT that names the parameter, the value and the bounds */
export function integerParameter(
  parameters: ReadonlyMap<string, string>,
  name: string,
  bounds: { readonly default: number; readonly min: number; readonly max: number },
): number {
  const text = parameters.get(name);
  if (text === undefined || text === "") return bounds.default;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < bounds.min || value > bounds.max) {
    const wanted = `a whole number from ${bounds.min} to ${bounds.max}`;
    throw new CallError(Status.INVALID_ARGUMENT, `parameter "${name}" is "${text}": give ${wanted}`);
  }
  return value;
}

export function textOutput(text: string): TaskOutput {
  return { output: Buffer.from(text, "utf8"), contentType: "text/plain; charset=utf-8" };
}
