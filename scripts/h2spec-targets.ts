import { readFileSync } from "node:fs";

import { parseAddress } from "../src/core/address";
import { seededRandom } from "../src/core/random";
import { systemClock } from "../src/platform/system-clock";
import { RpcServer } from "../src/rpc/server/rpc-server";
import { servingTls } from "../src/wire/tls";
import type { Certificates } from "../test/support/certificates";
import { fixedTls } from "../test/support/fixed-tls";
import { pageHandler } from "../test/support/http2-page";
import { engineOptions } from "../test/support/http2-parts";
import { startHttp2Server } from "../test/support/http2-server";
import { InteropCluster } from "./conformance/interop-cluster";

/** A port to be tested. */
export interface H2specTarget {
  /** "engine" is a small web server on it, "rpc server" a gRPC server as workers have it, the others are programs. */
  readonly name: "engine" | "rpc server" | "director" | "worker";
  readonly transport: "tcp" | "tls";
  readonly port: number;
}

export interface H2specTargets {
  readonly targets: readonly H2specTarget[];
  stop(): Promise<void>;
}

/** Every server of ours, over one transport. */
export async function startTargets(transport: "tcp" | "tls", certificates: Certificates): Promise<H2specTargets> {
  const tls = transport === "tls" ? certificates : undefined;
  const page = await startHttp2Server(pageHandler, engineOptions(), tls && { tls: pairOf(tls) });
  const rpcServer = new RpcServer({
    clock: systemClock,
    random: seededRandom(1),
    messageMaxBytes: 4 << 20,
    keepaliveMs: 0,
    tls: tls && servingTls(fixedTls(tls)),
  });
  const rpcAddress = await rpcServer.listen("127.0.0.1:0", "H2SPEC_ADDR");
  const cluster = await InteropCluster.start(tls);
  const workerAddress = await cluster.startWorker();
  const portOf = (address: string) => parseAddress(address, "the server").port;
  return {
    targets: [
      { name: "engine", transport, port: page.port },
      { name: "rpc server", transport, port: portOf(rpcAddress) },
      { name: "director", transport, port: portOf(cluster.address) },
      { name: "worker", transport, port: portOf(workerAddress) },
    ],
    async stop() {
      rpcServer.close();
      await page.close();
      await cluster.stop();
    },
  };
}

function pairOf({ certFile, keyFile }: Certificates) {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}
