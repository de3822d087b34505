import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Certificates } from "../../test/support/certificates";
import { interopContract } from "../../test/support/interop/contract";
import { freeAddress, type Processes } from "../../test/support/processes";
import { BATCH_CASES, BatchClient, type BatchProgram } from "./batch-client";
import type { InteropClient } from "./interop-run";
import type { InteropServer } from "./interop-servers";

const PROGRAMS = join(process.cwd(), "scripts/conformance/python");
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

/** The client on grpcio. */
export function pythonClient(python: string, processes: Processes): InteropClient {
  const program: BatchProgram = {
    name: "grpcio's client",
    cases: BATCH_CASES,
    command: python,
    args: async ({ address, caFile }, cases) => [
      ...["-B", join(PROGRAMS, "interop_client.py"), "--address", address],
      ...["--descriptors", await descriptorsIn(processes)],
      ...(caFile === undefined ? [] : ["--ca", caFile]),
      ...cases,
    ],
  };
  return new BatchClient(program, processes);
}
