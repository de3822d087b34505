import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
} from "../../generated/grpc/health/v1/health";
import type { CallEnd, Connection } from "../core/call";
import { CallMetadata } from "../core/call-metadata";
import { Status } from "../core/status";
import { pathOf } from "../rpc/service/service-definition";

const CHECK_PATH = pathOf(HealthDefinition, HealthDefinition.methods.check);

/**
 * Asks a server of any stack for its health as a whole (grpc.health.v1). Resolves to why it cannot do its work, or to "" when it can. The question
 * takes the way that calls take, so a server whose handlers stand still does not answer it in time, though its connection lives. Any answer but
 * NOT_SERVING will do: a server that does not know this service has shown that it answers. Never rejects.
 */
export function probeHealth(connection: Connection, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    let status: ServingStatus = ServingStatus.UNKNOWN;
    const call = connection.start(
      { path: CHECK_PATH, metadata: new CallMetadata(), timeoutMs },
      {
        headers: () => {},
        message: (bytes) => (status = statusOf(bytes)),
        ended: (end) =>
          resolve(status === ServingStatus.NOT_SERVING ? "it says NOT_SERVING" : silenceOf(end, timeoutMs)),
      },
    );
    call.send(HealthCheckRequest.encode({ service: "" }).finish());
    call.halfClose();
  });
}

function statusOf(bytes: Uint8Array): ServingStatus {
  try {
    return HealthCheckResponse.decode(bytes).status;
  } catch {
    return ServingStatus.UNKNOWN; // an answer all the same
  }
}

function silenceOf({ status, error }: CallEnd, timeoutMs: number): string {
  if (status === Status.DEADLINE_EXCEEDED) return `it has not answered a health check for ${timeoutMs} ms`;
  const isLost = error?.code === "WORKER_LOST" || error?.code === "WORKER_UNREACHABLE";
  return isLost ? error.message : "";
}
