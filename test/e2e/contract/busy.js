"use strict";
// Handlers of busy.proto, for `heddle worker --proto busy.proto --handlers busy.js`.
const { appendFileSync } = require("node:fs");
const { setTimeout: wait } = require("node:timers/promises");
const { threadId } = require("node:worker_threads");

const write = (line) => appendFileSync(process.env.BUSY_FILE, `${line}\n`);
process.on("exit", () => write(`exit ${threadId}`));

exports.where = () => ({ thread: threadId });

exports.loop = ({ number }) => {
  write(`loop ${number} ${threadId}`);
  const endMs = performance.now() + number;
  while (performance.now() < endMs);
  return { thread: threadId };
};

const ENDS = {
  exit: () => process.exit(7),
  throw: () => setImmediate(() => { throw new Error("nobody catches this"); }), // prettier-ignore
  reject: () => void Promise.reject(new Error("nobody waits for this")),
  memory: () => {
    const kept = [];
    for (;;) kept.push(new Array(1_000).fill({}));
  },
};

exports.end = async ({ how }) => {
  ENDS[how]();
  await new Promise(() => {});
};

exports.hang = async ({ number }, { signal }) => {
  write(`hang ${number} ${threadId}`);
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  write(`cancelled ${number}`);
  return {};
};

exports.pour = async function* ({ number }) {
  const blob = Buffer.alloc(16 * 1024);
  for (let each = 1; each <= number; each += 1) {
    write(`poured ${each}`);
    yield { thread: threadId, number: each, blob };
  }
};

exports.drink = async (asks) => {
  let number = 0;
  for await (const ask of asks) {
    if (number === 0) await wait(ask.number);
    number += 1;
  }
  return { thread: threadId, number };
};
