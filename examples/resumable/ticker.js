"use strict";

const { setTimeout: sleep } = require("node:timers/promises");

exports.watch = async function* ({ count }, context) {
  // Undefined where the stream begins; else what the last worker attached to the last tick that the caller has.
  const { afterSequence = 0, checkpoint } = context.resume ?? {};
  let price = checkpoint ? Buffer.from(checkpoint).readDoubleLE() : 100;
  for (let number = afterSequence + 1; number <= count; number += 1) {
    await sleep(500, undefined, { signal: context.signal });
    price *= 1 + (Math.random() - 0.5) / 100;
    const state = Buffer.alloc(8);
    state.writeDoubleLE(price);
    context.checkpoint(state); // goes with the next tick
    yield { number, price, pid: process.pid };
  }
};
