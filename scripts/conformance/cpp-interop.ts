import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Certificates } from "../../test/support/certificates";
import { freeAddress, type Processes } from "../../test/support/processes";
import { BATCH_CASES, BatchClient, type BatchProgram } from "./batch-client";
import type { InteropClient } from "./interop-run";
import type { InteropServer } from "./interop-servers";

const SOURCES = join(process.cwd(), "scripts/conformance/cpp");
const PROTO_DIR = join(process.cwd(), "test/support/proto");
const LIBRARIES = ["-lgrpc++", "-lgrpc", "-lgpr", "-lprotobuf", "-lpthread"];

/** Paths of the programs in C++, or why there are none. */
export type CppInterop = { readonly client: string; readonly server: string } | { readonly missing: string };

/**
 * Builds the interop programs in C++ under .cache, if they are not there: half a minute of one core. They are linked with the gRPC of the
 * machine (Debian's libgrpc++-dev and protobuf-compiler-grpc: `make conformance-tools`).
 */
export function buildCppInterop(): CppInterop {
  const protos = filesUnder(PROTO_DIR, ".proto");
  const hash = createHash("sha256");
  for (const file of [...filesUnder(SOURCES, ""), ...protos]) hash.update(readFileSync(file));
  const folder = join(process.cwd(), ".cache", "bin", `grpc-cpp-interop-${hash.digest("hex").slice(0, 12)}`);
  const programs = { client: join(folder, "client"), server: join(folder, "server") };
  if (existsSync(folder)) return programs;
  const plugin = spawnSync("which", ["g++", "protoc", "grpc_cpp_plugin"], { encoding: "utf8" });
  if (plugin.status !== 0 || !existsSync("/usr/include/grpcpp/grpcpp.h")) {
    return { missing: "gRPC for C++ is not installed (make conformance-tools)" };
  }
  // Under another name until all is there: one that was interrupted would be taken for whole.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  run(unfinished, "protoc", [
    `--plugin=protoc-gen-grpc=${plugin.stdout.trim().split("\n").at(-1)}`,
    ...["--cpp_out=.", "--grpc_out=.", `-I${PROTO_DIR}`, "-I/usr/include", ...protos],
  ]);
  run(unfinished, "g++", ["-std=c++17", "-I.", "-c", ...filesUnder(unfinished, ".cc")]);
  const objects = filesUnder(unfinished, ".o");
  for (const name of Object.keys(programs)) {
    const source = join(SOURCES, `interop_${name}.cc`);
    const paths = ["-I.", `-I${SOURCES}`, source, ...objects, "-o", name];
    run(unfinished, "g++", ["-std=c++17", ...paths, "-Wl,--copy-dt-needed-entries", ...LIBRARIES]);
  }
  renameSync(unfinished, folder);
  return programs;
}

function run(cwd: string, command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} failed for the interop programs in C++:\n${stderr.slice(0, 4_000)}`);
}

function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** The server in C++, as a process. */
export async function startCppServer(
  program: string,
  processes: Processes,
  tls: Certificates | undefined,
): Promise<InteropServer> {
  const address = await freeAddress();
  const args = [address, ...(tls ? [tls.certFile, tls.keyFile] : [])];
  const server = await processes.spawn(program, { name: "grpc-c++'s server", args });
  await server.whenLogs(`listening on ${address}`);
  return { address, attachesItself: false, stop: () => server.kill() };
}

/** The client in C++. */
export function cppClient(command: string, processes: Processes): InteropClient {
  const program: BatchProgram = {
    name: "grpc-c++'s client",
    cases: [...BATCH_CASES, "client_compressed_unary", "client_compressed_streaming"],
    command,
    args: ({ address, caFile = "" }, cases) => Promise.resolve([address, caFile, ...cases]),
  };
  return new BatchClient(program, processes);
}
