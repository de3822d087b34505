/**
 * Many workers in one process: for each a connection of its own to the director, and an Attach stream run by the code of real
 * workers. One server stands for the data addresses of all. Nothing of it is measured.
 *
 * Arguments: the director's address, how many workers, their interval in ms. Prints "joining" when it begins, "lost …" for each
 * stream that ends, and ends with its parent's SIGTERM.
 */
import { NO_RESOURCES } from "../../src/core/member";
import { systemClock } from "../../src/platform/system-clock";
import { openAttach } from "../../src/wire/attach-stream";
import { ComputeServiceDefinition, InferenceServiceDefinition } from "../../src/wire/contract";
import { heddleDescriptors } from "../../src/wire/descriptor-contract";
import { descriptorSetHash } from "../../src/wire/descriptor-set";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { GrpcServer } from "../../src/wire/grpc-server";
import { AttachSession, type SessionHost } from "../../src/worker/attach-session";

const MESSAGE_MAX_BYTES = 4 << 20;
/** Patience far above what a worker has: a director that is slow is to be measured, not left. */
const SESSION = { welcomeTimeoutMs: 60_000, unacknowledgedMax: 60 } as const;

const SERVICES = [ComputeServiceDefinition.fullName, InferenceServiceDefinition.fullName];
const contract = heddleDescriptors(SERVICES);
const descriptors = { hash: descriptorSetHash(contract), fileDescriptorSet: contract };

function hostOf(index: number, dataAddress: string, heartbeatIntervalMs: number): SessionHost {
  const memberId = `worker-${index}`;
  const nothing = () => {};
  return {
    hello: () => ({
      memberId,
      label: memberId,
      address: dataAddress,
      incarnation: 1,
      services: SERVICES,
      descriptorSetHash: descriptors.hash,
      slots: 64,
      tags: { role: "worker", label: memberId, zone: `zone-${index % 3}` },
      resources: { ...NO_RESOURCES, cpuCores: 8, memoryMib: 16_384, hostname: memberId },
      role: "worker",
      version: "bench",
      dataKeepalive: true,
      heartbeatIntervalMs,
      wantsEvents: false,
    }),
    load: () => ({
      cpuRatio: Math.random(),
      memoryRatio: 0.5,
      diskRatio: 0.3,
      loadAverage: 4 * Math.random(),
      inFlight: Math.floor(8 * Math.random()),
      loopLagMs: Math.random(),
    }),
    isServing: () => true,
    descriptors: () => descriptors,
    attached: nothing,
    drained: nothing,
    undrained: nothing,
    probe: () => Promise.resolve({ reachable: true, detail: "" }),
    event: nothing,
    directors: nothing,
  };
}

async function simulate(director: string, workers: number, intervalMs: number): Promise<void> {
  const server = new GrpcServer({ messageMaxBytes: MESSAGE_MAX_BYTES, keepaliveMs: 0 });
  const dataAddress = await server.listen("127.0.0.1:0", "the simulator");
  console.log("joining");
  const options = { keepaliveMs: 0, messageMaxBytes: MESSAGE_MAX_BYTES, reconnectMaxMs: 1_000 };
  for (let index = 0; index < workers; index += 1) {
    const stream = openAttach(new GrpcConnection(director, options));
    const session = new AttachSession(stream, hostOf(index, dataAddress, intervalMs), systemClock, () => SESSION);
    void session.run().then((outcome) => console.log("lost", JSON.stringify(outcome)));
  }
}

const [director = "", workers, intervalMs] = process.argv.slice(2);
void simulate(director, Number(workers), Number(intervalMs));
