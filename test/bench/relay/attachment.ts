import { NO_LOAD, NO_RESOURCES } from "../../../src/core/member";
import { systemClock } from "../../../src/platform/system-clock";
import { openAttach } from "../../../src/wire/attach-stream";
import { GrpcConnection } from "../../../src/wire/grpc-connection";
import { channelCredentials } from "../../../src/wire/tls";
import { AttachSession, type SessionHost, type SessionOutcome } from "../../../src/worker/attach-session";
import { fixedTls } from "../../support/fixed-tls";

/** A worker that is spoken for. */
export interface SpokenFor {
  readonly memberId: string;
  readonly address: string;
  readonly services: readonly string[];
  /** Default: it shows no contract. */
  readonly descriptors?: { readonly hash: string; readonly fileDescriptorSet: Uint8Array };
  /** The director speaks TLS, and this authority signed for it. */
  readonly caFile?: string;
}

function hostOf({ memberId, address, services, descriptors }: SpokenFor): SessionHost {
  const nothing = () => {};
  return {
    hello: () => ({
      memberId,
      label: memberId,
      address,
      incarnation: 1,
      services: [...services],
      descriptorSetHash: descriptors?.hash ?? "",
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

/** Attaches a worker to a director, as `heddle attach` would; resolves when that is over. */
export function attachWorker(director: string, worker: SpokenFor): Promise<SessionOutcome> {
  const connection = new GrpcConnection(director, {
    credentials: channelCredentials(fixedTls({ certFile: "", keyFile: "", caFile: worker.caFile ?? "" })),
    keepaliveMs: 0,
    messageMaxBytes: 4 << 20,
    reconnectMaxMs: 1_000,
  });
  const options = { welcomeTimeoutMs: 10_000, unacknowledgedMax: 30 };
  return new AttachSession(openAttach(connection), hostOf(worker), systemClock, () => options).run();
}
