import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";

import { PATIENCE_MS } from "./processes";

const run = promisify(execFile);
const BUF = resolve(__dirname, "../../node_modules/.bin/buf");
const GRPC = ["--protocol", "grpc", "--http2-prior-knowledge"];

export interface BufCurl {
  readonly code: number;
  /** Answers of the call, each parsed. Empty when it failed before the first. */
  readonly answers: readonly unknown[];
  /** Everything it wrote. */
  readonly text: string;
}

/** Calls a method by the server's reflection, as a person would with `buf curl`. A failed call is an ordinary result. */
export async function bufCurl(address: string, method: string, ...requests: readonly object[]): Promise<BufCurl> {
  const args = ["curl", ...GRPC, "--data", "@-", `http://${address}/${method}`];
  const running = run(BUF, args, { timeout: PATIENCE_MS });
  running.child.stdin?.end(requests.map((request) => JSON.stringify(request)).join("\n"));
  return await running.then(
    ({ stdout, stderr }) => ({ code: 0, answers: jsonIn(stdout), text: stdout + stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      answers: jsonIn(stdout),
      text: stdout + stderr,
    }),
  );
}

/** Full names of the methods that the server's reflection lists: "package.Service/Method". */
export async function bufListMethods(address: string): Promise<string[]> {
  const { stdout } = await run(BUF, ["curl", ...GRPC, "--list-methods", `http://${address}`], { timeout: PATIENCE_MS });
  return stdout.split("\n").filter((line) => line !== "");
}

/** buf prints one indented object after the other. */
function jsonIn(text: string): unknown[] {
  return text
    .split(/^(?=\{)/m)
    .filter((part) => part.trim() !== "")
    .map((part) => JSON.parse(part) as unknown);
}
