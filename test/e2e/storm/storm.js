"use strict";
// Handlers of storm-proto.ts, for `heddle worker --proto storm.proto --handlers storm.js`.
const { setTimeout: wait } = require("node:timers/promises");

exports.echo = (note) => note;

exports.wait = async (note, { signal }) => {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  return note;
};

exports.collect = async (notes) => {
  let count = 0;
  for await (const _note of notes) count += 1;
  return { text: String(count) };
};

exports.feed = async function* (_note, { signal }) {
  for (let count = 0; !signal.aborted; count += 1) {
    yield { text: "x".repeat(100) };
    if (count >= 10) await wait(20);
  }
};

exports.chat = async function* (notes) {
  for await (const note of notes) yield note;
};
