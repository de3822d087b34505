/**
 * Speaks for the canned worker at a director, as `heddle attach` would, which cannot be used here: where the director is reached
 * over TLS it would want TLS from the worker too, and then no two proxies would be compared at the same work.
 *
 * Arguments: the director's address, the worker's, and the file of the authority when the director speaks TLS.
 */
import { NO_LOAD, NO_RESOURCES } from "../../../src/core/member";
import { systemClock } from "../../../src/platform/system-clock";
import { openAttach } from "../../../src/wire/attach-stream";
import { descriptorSetHash } from "../../../src/wire/descriptor-set";
import { GrpcConnection } from "../../../src/wire/grpc-connection";
import { loadProtoContract } from "../../../src/wire/proto-contract";
import { channelCredentials } from "../../../src/wire/tls";
import { AttachSession, type SessionHost } from "../../../src/worker/attach-session";
import { ECHO_SERVICE, PROTO_FILE, WORKER_ID } from "./echo-contract";

const { descriptorSet } = loadProtoContract({ files: [PROTO_FILE] });
const descriptors = { hash: descriptorSetHash(descriptorSet), fileDescriptorSet: descriptorSet };

function hostOf(address: string): SessionHost {
  const nothing = () => {};
  return {
    hello: () => ({
      memberId: WORKER_ID,
      label: WORKER_ID,
      address,
      incarnation: 1,
      services: [ECHO_SERVICE],
      descriptorSetHash: descriptors.hash,
      slots: 0,
      tags: { role: "worker" },
      resources: NO_RESOURCES,
      role: "worker",
      version: "bench",
      dataKeepalive: true,
      heartbeatIntervalMs: 1_000,
      wantsEvents: false,
    }),
    load: () => NO_LOAD,
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

async function attach(director: string, worker: string, caFile: string): Promise<void> {
  const connection = new GrpcConnection(director, {
    credentials: channelCredentials({ certFile: "", keyFile: "", caFile }),
    keepaliveMs: 0,
    messageMaxBytes: 4 << 20,
    reconnectMaxMs: 1_000,
  });
  const options = { welcomeTimeoutMs: 10_000, unacknowledgedMax: 30 };
  const session = new AttachSession(openAttach(connection), hostOf(worker), systemClock, options);
  console.log("lost", JSON.stringify(await session.run()));
}

const [director = "", worker = "", caFile = ""] = process.argv.slice(2);
void attach(director, worker, caFile);
