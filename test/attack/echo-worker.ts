/**
 * The worker under attack: as a user's program makes it, with default settings, the echo service, and no director. Arguments: the files of
 * its certificate and key, or nothing. Prints where it listens.
 */
import { createWorker, service } from "../../src/api/worker";
import { EchoServiceDefinition } from "../bench/ends/echo-definition";
import { ECHO_HANDLERS } from "../bench/ends/echo-handlers";
import { InHandServiceDefinition } from "./in-hand";

async function main(): Promise<void> {
  const [tlsCertFile, tlsKeyFile] = process.argv.slice(2);
  const worker = createWorker({
    services: [
      service(EchoServiceDefinition, ECHO_HANDLERS),
      // But for the call that asks.
      service(InHandServiceDefinition, { getStats: () => ({ inFlight: worker.inFlight - 1, queued: 0 }) }),
    ],
    // Nobody listens there.
    directors: ["127.0.0.1:1"],
    listenAddress: "127.0.0.1:0",
    logLevel: "error",
    ...(tlsCertFile !== undefined && tlsKeyFile !== undefined ? { tlsCertFile, tlsKeyFile } : {}),
  });
  await worker.start();
  console.log(`listening at ${worker.address}`);
}

void main();
