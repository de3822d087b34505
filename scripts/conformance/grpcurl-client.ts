import { execFile } from "node:child_process";

import { GRPCURL_CASES, type GrpcurlCase, type GrpcurlOutput } from "./grpcurl-cases";
import type { Destination, InteropClient, Lane } from "./interop-run";

const CASE_MAX_MS = 30_000;

/** grpcurl: a process for each case. It learns every contract by the director's reflection. */
export class GrpcurlClient implements InteropClient {
  readonly cases: readonly string[];
  readonly #program: string;

  constructor(program: string, { server, transport }: Pick<Lane, "server" | "transport">) {
    this.#program = program;
    this.cases = Object.entries(GRPCURL_CASES).flatMap(([name, { notFor, distrustful }]) =>
      notFor?.includes(server) || (distrustful && transport === "plain") ? [] : name,
    );
  }

  async run(testCase: string, destination: Destination): Promise<string | undefined> {
    const asked = GRPCURL_CASES[testCase]!;
    const output = await this.#ask(asked, destination);
    const missing = asked.says.filter((text) => !isIn(output.text, text));
    if (output.code === (asked.code ?? 0) && missing.length === 0) return undefined;
    return `exit code ${output.code}, missing ${missing.map(String).join(" and ") || "nothing"} in:\n${output.text.slice(0, 2_000)}`;
  }

  #ask({ flags = [], words, stdin = "", distrustful }: GrpcurlCase, { address, caFile }: Destination) {
    const trust = caFile === undefined ? ["-plaintext"] : distrustful ? [] : ["-cacert", caFile];
    // A later -max-time wins.
    const args = [...trust, "-max-time", "20", ...flags, address, ...words];
    return new Promise<GrpcurlOutput>((resolve) => {
      const options = { timeout: CASE_MAX_MS, maxBuffer: 16 << 20 };
      const child = execFile(this.#program, args, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, text: stdout + stderr });
      });
      child.stdin?.end(stdin);
    });
  }
}

function isIn(text: string, wanted: string | RegExp): boolean {
  return typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
}
