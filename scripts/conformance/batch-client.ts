import { messageOf } from "../../src/core/errors";
import type { Processes } from "../../test/support/processes";
import type { Destination, InteropClient } from "./interop-run";

/** Of all cases of a lane together. */
const LANE_MAX_MS = 90_000;

/** A program that runs cases, and writes a line for each: its name, and "ok" or what went wrong. */
export interface BatchProgram {
  readonly name: string;
  readonly cases: readonly string[];
  readonly command: string;
  args(destination: Destination, cases: readonly string[]): Promise<readonly string[]>;
}

/** One process for all cases of a lane, since those that interpret and those that link much start slowly. */
export class BatchClient implements InteropClient {
  readonly cases: readonly string[];
  readonly #program: BatchProgram;
  readonly #processes: Processes;
  #outcomes: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(program: BatchProgram, processes: Processes) {
    this.cases = program.cases;
    this.#program = program;
    this.#processes = processes;
  }

  async run(testCase: string, destination: Destination): Promise<string | undefined> {
    try {
      this.#outcomes ??= this.#runAll(destination);
      const outcome = (await this.#outcomes).get(testCase) ?? "the client says nothing of it";
      return outcome === "ok" ? undefined : outcome;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #runAll(destination: Destination): Promise<ReadonlyMap<string, string>> {
    const { name, command, cases } = this.#program;
    const args = await this.#program.args(destination, cases);
    const client = await this.#processes.spawn(command, { name, args });
    try {
      await client.whenExited(LANE_MAX_MS);
    } finally {
      await client.kill();
    }
    return new Map(client.lines.map((line) => [line.split(" ", 1)[0]!, line.slice(line.indexOf(" ") + 1)]));
  }
}

/** What grpcio and grpc-c++ are asked: load reports their clients keep to themselves. */
export const BATCH_CASES = [
  ...["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream"],
  ...["timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message"],
  ...["special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service"],
  ...["client_compressed_unary_noprobe", "client_compressed_streaming_noprobe"],
  ...["server_compressed_unary", "server_compressed_streaming", "rpc_soak", "channel_soak"],
];
