"use strict";
// Handlers of ledger.proto, for `heddle worker --proto ledger.proto --handlers ledger.js`.
const { appendFileSync } = require("node:fs");
const { setTimeout: wait } = require("node:timers/promises");
const { CallError, Status } = require("../../../dist/src/api/index.js");

const write = (line) => appendFileSync(process.env.LEDGER_FILE, `${line}\n`);

exports.append = async ({ text, number }) => {
  write(text);
  await wait(number);
  return { text: `${text} by ${process.env.WORKER_LABEL}` };
};

exports.list = async function* ({ number }) {
  for (let each = 1; each <= number; each += 1) yield { number: each };
};

exports.sum = async (entries) => {
  let number = 0;
  for await (const entry of entries) number += entry.number;
  return { number };
};

exports.chat = async function* (entries) {
  for await (const { text } of entries) yield { text: `${text}!` };
};

exports.reject = (_entry, context) => {
  // A google.rpc.Status: code 9, message "not now".
  context.trailers.set("grpc-status-details-bin", Buffer.from("080912076e6f74206e6f77", "hex"));
  context.trailers.set("x-trailer", "kept");
  throw new CallError(Status.FAILED_PRECONDITION, "not now: 50 % done");
};

exports.reflect = (_entry, context) => {
  context.headers.set("x-header", "sent");
  context.trailers.set("x-trailer-bin", Buffer.from([0, 255]));
  const names = context.metadata.entries().map(([name]) => name);
  return {
    text: `${names.sort().join()} ${context.metadata.text("x-mine")}`,
    number: Math.round(context.timeoutMs ?? -1),
  };
};

exports.hang = async (_entry, { signal }) => {
  write("begun");
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  write("cancelled");
  return {};
};
