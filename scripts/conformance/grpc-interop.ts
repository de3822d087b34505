/**
 * Runs the official gRPC interop cases: clients and servers of two stacks and our own worker, straight and through the director,
 * over plain text and TLS. Prints a table, then everything that went wrong; the last line is JSON. Fails unless every case passes or is
 * in known-failures.ts. Where Go is absent, and its programs were not built before, it says so and leaves them out.
 *
 * Run: make conformance-interop
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Certificates, makeCertificates } from "../../test/support/certificates";
import { buildGoInterop, type GoInterop } from "./go-interop";
import { GrpcGoClient, grpcJsClient } from "./interop-clients";
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
} from "./interop-run";
import { startGoServer, startGrpcJsServer, startWorker, type InteropServer } from "./interop-servers";

/** Not a case of a client: asked of the director when the others of its lane have run. */
const SLOTS_CASE = "no_slot_held_after_all";

type ServerName = Lane["server"];

async function startServer(
  name: ServerName,
  go: GoInterop | undefined,
  cluster: InteropCluster,
  tls: Certificates | undefined,
): Promise<InteropServer | undefined> {
  switch (name) {
    case "grpc-go":
      return go && (await startGoServer(go.server, cluster.processes, tls));
    case "grpc-js":
      return await startGrpcJsServer(tls);
    case "heddle":
      return await startWorker(cluster.address, tls);
  }
}

/** Every client on both paths against one server. */
async function runAgainst(
  name: ServerName,
  go: GoInterop | undefined,
  transport: Lane["transport"],
  certificates: Certificates,
): Promise<InteropRun[]> {
  const tls = transport === "tls" ? certificates : undefined;
  const cluster = await InteropCluster.start(tls);
  const server = await startServer(name, go, cluster, tls);
  const runs: InteropRun[] = [];
  try {
    if (!server) return [];
    await cluster.attach(server);
    const addresses = { direct: server.address, director: cluster.address };
    for (const path of PATHS) {
      const destination: Destination = { address: addresses[path], caFile: tls?.caFile };
      for (const client of CLIENTS) {
        const lane = { client, server: name, path, transport };
        const program = clientOf(client, go, cluster);
        for (const testCase of program?.cases ?? []) {
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

function clientOf(
  name: Lane["client"],
  go: GoInterop | undefined,
  { processes }: InteropCluster,
): InteropClient | undefined {
  if (name === "grpc-js") return grpcJsClient;
  return go && new GrpcGoClient(go.client, processes);
}

async function main(): Promise<void> {
  const go = buildGoInterop();
  if (!go) console.log("There is no Go here, so grpc-go's client and server are left out.");
  const folder = await mkdtemp(join(tmpdir(), "heddle-interop-"));
  try {
    const certificates = await makeCertificates(folder);
    const runs: InteropRun[] = [];
    for (const transport of TRANSPORTS) {
      for (const server of SERVERS) runs.push(...(await runAgainst(server, go, transport, certificates)));
    }
    const report = new InteropReport(runs);
    console.log(report.table);
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
