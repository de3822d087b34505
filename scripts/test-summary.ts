/** Prints "N passed, N failed, N skipped" from jest's results in .cache/jest.json. */
import { readFileSync } from "node:fs";

interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  /** Files that did not even run; their tests are not counted above. */
  readonly numRuntimeErrorTestSuites: number;
}

const results = JSON.parse(readFileSync(".cache/jest.json", "utf8")) as JestResults;
const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
const skipped = results.numPendingTests + results.numTodoTests;
console.log(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
