import { createHash } from "node:crypto";

import { CallError } from "../../core/errors";
import { Status, type StatusName } from "../../core/status";
import { integerParameter, textOutput, type Task } from "./task";

const HASH_CHUNK_BYTES = 1 << 20;

/** Answers its input. */
// eslint-disable-next-line require-yield -- nothing to wait for
export const echo: Task = function* ({ input }) {
  return { output: input, contentType: "application/octet-stream" };
};

/** The SHA-256 of its input, in hex. */
export const sha256: Task = function* ({ input }) {
  const hash = createHash("sha256");
  for (let start = 0; start < input.length; start += HASH_CHUNK_BYTES) {
    hash.update(input.subarray(start, start + HASH_CHUNK_BYTES));
    yield Math.min(1, (start + HASH_CHUNK_BYTES) / input.length);
  }
  return textOutput(hash.digest("hex"));
};

/** Sleeps for `ms` (0 to 600,000; default 1,000) without using the processor. */
export const sleep: Task = async function* ({ parameters, clock, signal }) {
  const durationMs = integerParameter(parameters, "ms", { default: 1_000, min: 0, max: 600_000 });
  const steps = Math.max(1, Math.ceil(durationMs / 100));
  for (let step = 1; step <= steps; step += 1) {
    await clock.sleep(durationMs / steps, signal);
    yield step / steps;
  }
  return textOutput(`slept ${durationMs} ms`);
};

/** Fails with the status named by `code` (default INTERNAL) and the text of `message`. */
// eslint-disable-next-line require-yield -- it only fails
export const fail: Task = function* ({ parameters }) {
  const name = (parameters.get("code") ?? "INTERNAL").toUpperCase();
  if (!Object.hasOwn(Status, name) || name === "OK") {
    const names = Object.keys(Status).filter((status) => status !== "OK");
    throw new CallError(Status.INVALID_ARGUMENT, `parameter "code" is "${name}": give one of ${names.join(", ")}`);
  }
  throw new CallError(Status[name as StatusName], parameters.get("message") ?? "this task always fails");
};
