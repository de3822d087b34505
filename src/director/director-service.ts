import { endOfError, endOfHandlerError } from "../core/call-end";
import { FabricError } from "../core/errors";
import { DirectorServiceDefinition } from "../wire/contract";
import { mountService, type MountedService } from "../rpc/service/service-handlers";
import { assignmentRpcs, type AssignmentRpcsParts } from "./assignment-rpcs";
import { callRpcs, type CallRpcsParts } from "./call-rpcs";
import { clusterRpcs, type ClusterRpcsParts } from "./cluster-rpcs";
import { directorIntentRpcs } from "./director-maintenance";
import { drainRpcs, type DrainRpcsParts } from "./drain-rpcs";
import { memberRpcs, type MemberRpcsParts } from "./member-rpcs";
import { watchRpcs, type WatchRpcsParts } from "./watch-rpcs";

export type DirectorServiceParts = AssignmentRpcsParts &
  CallRpcsParts &
  ClusterRpcsParts &
  DrainRpcsParts &
  MemberRpcsParts &
  WatchRpcsParts;

/** heddle.v1.DirectorService: its own errors reach the caller with their code. */
export function directorService(parts: DirectorServiceParts): MountedService {
  const handlers = {
    ...assignmentRpcs(parts),
    ...memberRpcs(parts),
    ...clusterRpcs(parts),
    ...directorIntentRpcs(parts),
    ...drainRpcs(parts),
    ...watchRpcs(parts),
    ...callRpcs(parts),
  };
  return mountService(DirectorServiceDefinition, handlers, {
    endOfError: (error) => (error instanceof FabricError ? endOfError(error) : endOfHandlerError(error)),
  });
}
