"use strict";
/* Handlers of numbers.proto, for `heddle worker --proto … --handlers …`. */

const { setTimeout: sleep } = require("node:timers/promises");

exports.numbers = (pause) => {
  async function* count({ to, pauseMs, failAt }, context) {
    let value = context.resume?.afterSequence ?? 0;
    while (value < to) {
      await pause(pauseMs, context.signal);
      value += 1;
      if (value === failAt) throw Object.assign(new Error("no such number"), { status: "OUT_OF_RANGE" });
      yield { value };
    }
  }

  async function* sum({ to, pauseMs, paddingBytes }, context) {
    const padding = Buffer.alloc(paddingBytes);
    const { resume } = context;
    let [value, total] = [0, 0];
    if (resume?.checkpoint) {
      const state = Buffer.from(resume.checkpoint);
      [value, total] = [state.readInt32BE(0), state.readInt32BE(4)];
      context.beginAfter(resume.checkpointSequence);
    } else if (resume) {
      context.beginAfter(0);
    }
    while (value < to) {
      await pause(pauseMs, context.signal);
      value += 1;
      total += value;
      if (value % 3 === 0) {
        const state = Buffer.alloc(8);
        state.writeInt32BE(value, 0);
        state.writeInt32BE(total, 4);
        context.checkpoint(state);
      }
      yield { value, sum: total, padding };
    }
  }

  // Does not look where to go on: what its caller has is left out.
  async function* double(numbers, context) {
    for await (const { value } of numbers) {
      await pause(5, context.signal);
      yield { value: 2 * value };
    }
  }

  async function* plain({ to, pauseMs }, context) {
    for (let value = 1; value <= to; value += 1) {
      await pause(pauseMs, context.signal);
      yield { value };
    }
  }

  return { count, sum, double, plain };
};

Object.assign(
  exports,
  exports.numbers((pauseMs, signal) => sleep(pauseMs, undefined, { signal })),
);
