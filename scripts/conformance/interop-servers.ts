import { readFileSync } from "node:fs";

import { ServerCredentials } from "@grpc/grpc-js";

import { parseAddress } from "../../src/core/address";
import { SILENT_LOGGER } from "../../src/core/logger";
import type { Certificates } from "../../test/support/certificates";
import { GrpcJsServer } from "../../test/support/interop/grpc-js-server";
import { interopWorker } from "../../test/support/interop/interop-worker";
import { freeAddress, type Processes } from "../../test/support/processes";

/** A server of the interop tests that runs. */
export interface InteropServer {
  readonly address: string;
  /** False: it knows nothing of directors, and a side-car must speak for it. */
  readonly attachesItself: boolean;
  stop(): Promise<void>;
}

/** grpc-go's interop server, as a process. */
export async function startGoServer(
  program: string,
  processes: Processes,
  tls: Certificates | undefined,
): Promise<InteropServer> {
  const address = await freeAddress();
  const server = await processes.spawn(program, {
    name: "grpc-go's server",
    args: [
      `--port=${parseAddress(address, "the server").port}`,
      ...(tls ? ["--use_tls", `--tls_cert_file=${tls.certFile}`, `--tls_key_file=${tls.keyFile}`] : []),
    ],
    env: { GRPC_GO_LOG_SEVERITY_LEVEL: "info" },
  });
  await server.whenLogs("interop server listening");
  return { address, attachesItself: false, stop: () => server.kill() };
}

/** Our server on grpc-js, in this process. */
export async function startGrpcJsServer(tls: Certificates | undefined): Promise<InteropServer> {
  const pair = tls && { cert_chain: readFileSync(tls.certFile), private_key: readFileSync(tls.keyFile) };
  const server = await GrpcJsServer.start(pair && ServerCredentials.createSsl(null, [pair]));
  return {
    address: server.address,
    attachesItself: false,
    stop: async () => server.close(),
  };
}

/** A worker of ours, in this process. */
export async function startWorker(director: string, tls: Certificates | undefined): Promise<InteropServer> {
  const worker = interopWorker("interop", {
    listenAddress: "127.0.0.1:0",
    directors: [director],
    env: {},
    logger: SILENT_LOGGER,
    ...(tls ? { tlsCertFile: tls.certFile, tlsKeyFile: tls.keyFile, tlsCaFile: tls.caFile } : {}),
  });
  await worker.start();
  return { address: worker.address, attachesItself: true, stop: () => worker.stop({ graceMs: 0 }) };
}
