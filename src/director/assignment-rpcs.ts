import type { Dispatcher } from "../balancing/dispatcher";
import type { Balancer } from "../balancing/balancer";
import type { Logger } from "../core/logger";
import { InferenceServiceDefinition, type DirectorServiceDefinition } from "../wire/contract";
import type { Handlers } from "../rpc/service/service-handlers";
import type { Assignments } from "./assignments";
import type { Shortage } from "./call-router";
import type { PooledEndpoint } from "./worker-pool";

export interface AssignmentRpcsParts {
  readonly balancer: Balancer<PooledEndpoint>;
  readonly dispatcher: Dispatcher<PooledEndpoint>;
  readonly assignments: Assignments;
  readonly shortage: Shortage;
  readonly logger: Logger;
  newId(): string;
}

type AssignmentRpcs = Pick<
  Handlers<DirectorServiceDefinition>,
  "assignWorker" | "renewAssignment" | "releaseAssignment"
>;

/** The lookaside way: the director picks, the client dials. */
export function assignmentRpcs(parts: AssignmentRpcsParts): AssignmentRpcs {
  const { balancer, assignments, shortage, logger } = parts;
  return {
    assignWorker: ({ connectionId: given, service, match, affinityKey, policy }) => {
      logger.info("📨 client requesting worker assignment");
      const connectionId = given || parts.newId();
      const method = service || InferenceServiceDefinition.fullName;
      const picked = balancer.pick({ method, match, policy, affinityKey: affinityKey || connectionId });
      if (picked.kind === "fail") throw picked.error;
      if (picked.kind === "wait") {
        const reason = shortage.refuse({ method, match }) ?? shortage.explain({ method, match });
        return { success: false, connectionId, message: `No workers available (${reason.message})` };
      }
      const { endpoint } = picked;
      const assignmentId = parts.newId();
      assignments.add(assignmentId, endpoint.begin());
      logger.info("✅ assigned worker to client", { worker: endpoint.record.label, address: endpoint.address });
      return {
        success: true,
        workerAddr: endpoint.address,
        workerLabel: endpoint.record.label,
        memberId: endpoint.memberId,
        connectionId,
        assignmentId,
        ttlMs: assignments.ttlMs,
      };
    },

    renewAssignment: ({ assignmentId }) => {
      assignments.renew(assignmentId);
      return { ttlMs: assignments.ttlMs };
    },

    releaseAssignment: ({ assignmentId }) => {
      assignments.release(assignmentId);
      return {};
    },
  };
}
