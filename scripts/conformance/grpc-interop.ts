/**
 * Runs the official gRPC interop cases: clients and servers of four stacks and our own, straight and through the director,
 * over plain text and TLS; and grpcurl through the director. Prints a table of the lanes and one of the cases, then everything that
 * went wrong; the last line is JSON. Fails unless every case passes, or is in known-failures.ts and fails without the director too.
 * Where Go, Python or gRPC for C++ is absent, and what is made with it was not made before, it says so and leaves that out.
 *
 * Run: make conformance-interop (INTEROP="--clients heddle,grpc-go --servers grpc-js" for a part)
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type Certificates, makeCertificates } from "../../test/support/certificates";
import { COMPRESSED_ANSWER_CASES, PROBED_REQUEST_CASES } from "../../test/support/interop/cases";
import { INTEROP_STACKS } from "../../test/support/interop/interop-stacks";
import { buildGoInterop, type GoInterop } from "./go-interop";
import { buildCppInterop, cppClient, startCppServer, type CppInterop } from "./cpp-interop";
import { pythonClient, startPythonServer } from "./grpcio-interop";
import { ensurePythonGrpc } from "../python-grpc";
import { findGrpcurl } from "../grpcurl";
import { GrpcurlClient } from "./grpcurl-client";
import { GrpcGoClient, InProcessClient } from "./interop-clients";
import { InteropCluster } from "./interop-cluster";
import { InteropReport } from "./interop-report";
import {
  CLIENTS,
  PATHS,
  SERVERS,
  TRANSPORTS,
  type Destination,
  type InteropClient,
  type InteropRun,
  type Lane,
  type ServerName,
} from "./interop-run";
import { startGoServer, startGrpcJsServer, startWorker, type InteropServer } from "./interop-servers";

/** Not a case of a client: asked of the director when the others of its lane have run. */
const SLOTS_CASE = "no_slot_held_after_all";

/** Who can do what a case asks of a server; of those that are not here, all. */
const ABLE_SERVERS: Readonly<Record<string, readonly ServerName[]>> = {
  ...Object.fromEntries(COMPRESSED_ANSWER_CASES.map((name) => [name, ["grpcio", "grpc-c++", "heddle"]])),
  ...Object.fromEntries(PROBED_REQUEST_CASES.map((name) => [name, ["grpc-c++"]])),
};

/** The foreign programs; undefined where they could not be had. */
interface Programs {
  readonly go: GoInterop | undefined;
  /** With gRPC. */
  readonly python: string | undefined;
  readonly cpp: Exclude<CppInterop, { missing: string }> | undefined;
  readonly grpcurl: string | undefined;
}

async function startServer(
  name: ServerName,
  { go, python, cpp }: Programs,
  cluster: InteropCluster,
  tls: Certificates | undefined,
): Promise<InteropServer | undefined> {
  switch (name) {
    case "grpc-go":
      return go && (await startGoServer(go.server, cluster.processes, tls));
    case "grpcio":
      return python === undefined ? undefined : await startPythonServer(python, cluster.processes, tls);
    case "grpc-c++":
      return cpp && (await startCppServer(cpp.server, cluster.processes, tls));
    case "grpc-js":
      return await startGrpcJsServer(tls);
    case "heddle":
      return await startWorker(cluster.address, tls);
  }
}

/** These clients on both paths against one server. */
async function runAgainst(
  name: ServerName,
  clients: readonly Lane["client"][],
  programs: Programs,
  transport: Lane["transport"],
  certificates: Certificates,
): Promise<InteropRun[]> {
  const tls = transport === "tls" ? certificates : undefined;
  const cluster = await InteropCluster.start(tls);
  const server = await startServer(name, programs, cluster, tls);
  const runs: InteropRun[] = [];
  try {
    if (!server) return [];
    await cluster.attach(server);
    const addresses = { direct: server.address, director: cluster.address };
    for (const path of PATHS) {
      const destination: Destination = { address: addresses[path], caFile: tls?.caFile };
      for (const client of clients) {
        const lane = { client, server: name, path, transport };
        const program = clientOf(lane, programs, cluster);
        for (const testCase of casesOf(program, name)) {
          runs.push({ ...lane, testCase, failure: await program?.run(testCase, destination) });
        }
        if (!program || path === "direct") continue;
        runs.push({ ...lane, testCase: SLOTS_CASE, failure: await cluster.slotsStillHeld() });
      }
    }
    return runs;
  } finally {
    await server?.stop();
    await cluster.stop();
  }
}

function casesOf(client: InteropClient | undefined, server: ServerName): readonly string[] {
  return (client?.cases ?? []).filter((name) => ABLE_SERVERS[name]?.includes(server) ?? true);
}

function clientOf(
  lane: Lane,
  { go, python, cpp, grpcurl }: Programs,
  { processes }: InteropCluster,
): InteropClient | undefined {
  switch (lane.client) {
    case "grpc-js":
    case "heddle":
    case "heddle-js":
      return new InProcessClient(INTEROP_STACKS[lane.client], lane.path);
    case "grpc-go":
      return go && new GrpcGoClient(go.client, processes);
    case "grpcio":
      return python === undefined ? undefined : pythonClient(python, processes);
    case "grpc-c++":
      return cpp && cppClient(cpp.client, processes);
    case "grpcurl":
      return grpcurl === undefined || lane.path === "direct" ? undefined : new GrpcurlClient(grpcurl, lane);
  }
}

/** What of the matrix is wanted: names separated by commas. All of it by default. */
function chosenLanes(): { readonly clients: readonly Lane["client"][]; readonly servers: readonly ServerName[] } {
  const { values } = parseArgs({ options: { clients: { type: "string" }, servers: { type: "string" } } });
  return {
    clients: chosen("--clients", values.clients, CLIENTS),
    servers: chosen("--servers", values.servers, SERVERS),
  };
}

function chosen<T extends string>(flag: string, given: string | undefined, all: readonly T[]): readonly T[] {
  const wanted = given?.split(",") ?? all;
  const unknown = wanted.filter((name) => !all.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`${flag} has no ${unknown.join(", ")}: choose of ${all.join(", ")}`);
  return all.filter((name) => wanted.includes(name));
}

async function main(): Promise<void> {
  const { clients, servers } = chosenLanes();
  const go = buildGoInterop();
  if (!go) console.log("There is no Go here, so grpc-go's client and server are left out.");
  const found = findGrpcurl();
  if ("missing" in found) console.log(`grpcurl is left out: ${found.missing}`);
  const pythonGrpc = ensurePythonGrpc();
  if ("missing" in pythonGrpc) console.log(`grpcio's client and server are skipped: ${pythonGrpc.missing}`);
  const python = "python" in pythonGrpc ? pythonGrpc.python : undefined;
  const builtCpp = buildCppInterop();
  if ("missing" in builtCpp) console.log(`grpc-c++'s client and server are skipped: ${builtCpp.missing}`);
  const cpp = "missing" in builtCpp ? undefined : builtCpp;
  const programs: Programs = { go, python, cpp, grpcurl: "path" in found ? found.path : undefined };
  const folder = await mkdtemp(join(tmpdir(), "heddle-interop-"));
  try {
    const certificates = await makeCertificates(folder);
    const runs: InteropRun[] = [];
    for (const transport of TRANSPORTS) {
      for (const server of servers)
        runs.push(...(await runAgainst(server, clients, programs, transport, certificates)));
    }
    const report = new InteropReport(runs);
    console.log(report.table);
    console.log(`\n${report.cases}`);
    if (report.details !== "") console.log(`\n${report.details}`);
    console.log(`\n${report.json}`);
    process.exitCode = report.isGood ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
