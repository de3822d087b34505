/**
 * A worker as a user's program makes it, with the echo service, for the whole calls of `make bench-ends`. Argument: the director's
 * address. Prints where it listens once it is attached.
 */
import { createWorker, service } from "../../../src/api/worker";
import { EchoServiceDefinition } from "./echo-definition";
import { ECHO_HANDLERS } from "./echo-handlers";

async function main(): Promise<void> {
  const worker = createWorker({
    services: [service(EchoServiceDefinition, ECHO_HANDLERS)],
    env: { DIRECTOR_ADDR: process.argv[2], WORKER_ADDR: "127.0.0.1:0", HEDDLE_LOG_LEVEL: "error" },
  });
  await worker.start();
  await worker.whenAttached();
  console.log(`listening at ${worker.address}`);
}

void main();
