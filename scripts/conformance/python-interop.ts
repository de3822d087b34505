import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { messageOf } from "../../src/core/errors";
import type { Certificates } from "../../test/support/certificates";
import { interopContract } from "../../test/support/interop/contract";
import { freeAddress, type Processes } from "../../test/support/processes";
import type { Destination, InteropClient } from "./interop-run";
import type { InteropServer } from "./interop-servers";

const PROGRAMS = join(process.cwd(), "scripts/conformance/python");
/** Of all cases of a lane together. */
const LANE_MAX_MS = 90_000;

/** Those that grpcio can do: load reports it keeps to itself. */
const CASES = [
  ...["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream"],
  ...["timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message"],
  ...["special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service"],
  ...["client_compressed_unary_noprobe", "client_compressed_streaming_noprobe"],
  ...["server_compressed_unary", "server_compressed_streaming", "rpc_soak", "channel_soak"],
];

/** Python makes its messages of it. */
async function descriptorsIn(processes: Processes): Promise<string> {
  const path = join(await processes.folder, "python-interop.binpb");
  await writeFile(path, interopContract().descriptorSet);
  return path;
}

/** The server on grpcio, as a process. */
export async function startPythonServer(
  python: string,
  processes: Processes,
  tls: Certificates | undefined,
): Promise<InteropServer> {
  const address = await freeAddress();
  const server = await processes.spawn(python, {
    name: "grpcio's server",
    args: [
      ...["-B", join(PROGRAMS, "interop_server.py"), "--address", address],
      ...["--descriptors", await descriptorsIn(processes)],
      ...(tls ? ["--cert", tls.certFile, "--key", tls.keyFile] : []),
    ],
  });
  await server.whenLogs(`listening on ${address}`);
  return { address, attachesItself: false, stop: () => server.kill() };
}

/** The client on grpcio: one process for all cases of a lane, since Python starts slowly. */
export class PythonClient implements InteropClient {
  readonly cases = CASES;
  readonly #python: string;
  readonly #processes: Processes;
  #outcomes: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(python: string, processes: Processes) {
    this.#python = python;
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

  async #runAll({ address, caFile }: Destination): Promise<ReadonlyMap<string, string>> {
    const client = await this.#processes.spawn(this.#python, {
      name: "grpcio's client",
      args: [
        ...["-B", join(PROGRAMS, "interop_client.py"), "--address", address],
        ...["--descriptors", await descriptorsIn(this.#processes)],
        ...(caFile === undefined ? [] : ["--ca", caFile]),
        ...CASES,
      ],
    });
    try {
      await client.whenExited(LANE_MAX_MS);
    } finally {
      await client.kill();
    }
    return new Map(client.lines.map((line) => [line.split(" ", 1)[0]!, line.slice(line.indexOf(" ") + 1)]));
  }
}
