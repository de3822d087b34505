import { forwardCall, type ForwardPlan } from "../balancing/forward-call";
import { hedged } from "../balancing/hedge-request";
import type { HedgeParts } from "../balancing/hedged-call";
import { LatencyQuantiles } from "../balancing/latency-quantile";
import type { ResumeLimits } from "../balancing/resume-rules";
import { resumedCall, type ResumeParts } from "../balancing/resumed-call";
import type { DispatchRequest } from "../balancing/dispatch";
import type { Dispatcher } from "../balancing/dispatcher";
import { parseSelector } from "../balancing/selector";
import { RetryMemory } from "../balancing/retry-memory";
import { serviceOf } from "../balancing/service-index";
import type { IncomingCall } from "../core/call";
import { keyFault } from "../core/call-asks";
import { FabricError } from "../core/errors";
import { refuseCall } from "../core/refuse-call";
import { directedMetadata } from "../core/heddle-metadata";
import type { MemberRecord } from "../core/member";
import type { MaintenanceSwitch } from "./director-maintenance";
import type { ServiceContracts } from "./service-contracts";
import type { PooledEndpoint, WorkerPool } from "./worker-pool";

export interface CallRouterParts extends Pick<ResumeParts, "clock" | "random" | "newCutter"> {
  readonly directorId: string;
  readonly dispatcher: Dispatcher<PooledEndpoint>;
  readonly contracts: Pick<ServiceContracts, "traits">;
  /** Default: never on. */
  readonly maintenance?: MaintenanceSwitch;
  readonly retryBufferBytes: number;
  /** For all calls together. */
  readonly retryMemoryBytes: number;
  readonly resumeLimits: ResumeLimits;
}

/** Sends every call that is not for the director itself to a worker, as its metadata asks. */
export class CallRouter {
  readonly #parts: CallRouterParts;
  readonly #retryMemory: RetryMemory;
  readonly #resumeParts: ResumeParts;
  readonly #hedgeParts: HedgeParts;

  constructor(parts: CallRouterParts) {
    const { clock, random, newCutter, retryBufferBytes, resumeLimits: limits } = parts;
    this.#parts = parts;
    this.#retryMemory = new RetryMemory(parts.retryMemoryBytes);
    this.#hedgeParts = {
      clock,
      budget: parts.dispatcher.retryBudget,
      latencies: new LatencyQuantiles(),
      attemptsMax: limits.attemptsMax,
      retryBufferBytes,
      retryMemory: this.#retryMemory,
    };
    this.#resumeParts = { clock, random, newCutter, limits, retryBufferBytes, retryMemory: this.#retryMemory };
  }

  route(call: IncomingCall): void {
    const { directorId, dispatcher, contracts, retryBufferBytes, maintenance } = this.#parts;
    if (maintenance?.isOn) {
      const why = `director ${directorId} is in maintenance, so it passes no calls to workers`;
      refuseCall(call, new FabricError("DIRECTOR_IN_MAINTENANCE", why));
      return;
    }
    const { cameBack, routing, forwarded, wantsAcceptance, wantsHedge } = directedMetadata(call.metadata, directorId);
    if (cameBack) {
      // Two directors that list each other as workers would pass a call round for ever.
      refuseCall(call, new FabricError("NO_READY_WORKER", `the call came back to director ${directorId}`));
      return;
    }
    const fault = routing.idempotencyKey === undefined ? undefined : keyFault(routing.idempotencyKey);
    if (fault !== undefined) {
      refuseCall(call, fault);
      return;
    }
    const traits = contracts.traits(call.path);
    const { idempotent, resumable } = traits;
    const plan = {
      dispatcher,
      wantsAcceptance,
      retryBufferBytes,
      retryMemory: this.#retryMemory,
      metadata: forwarded,
      // Named one by one: spreading costs more than all of the pick.
      request: {
        method: call.path.slice(1),
        idempotent,
        match: routing.match,
        affinityKey: routing.affinityKey,
        policy: routing.policy,
        memberId: routing.memberId,
        idempotencyKey: routing.idempotencyKey,
      },
    };
    if (wantsHedge) hedged(call, traits, plan, this.#hedgeParts);
    else if (resumable) this.#resumed(call, plan);
    else forwardCall(call, plan);
  }

  #resumed(call: IncomingCall, plan: ForwardPlan<PooledEndpoint>): void {
    resumedCall(call, {
      ...this.#resumeParts,
      metadata: plan.metadata,
      // Whoever resumes it counts the attempts that may have run.
      forward: (leg, metadata, excluded) =>
        forwardCall(leg, { ...plan, metadata, request: { ...plan.request, idempotent: false, excluded } }),
    });
  }
}

/** What a call asks for, as far as it decides who may take it. */
export type Asked = Pick<DispatchRequest, "method" | "match" | "memberId">;

/** Members named in one error message; the rest is counted. */
const NAMED_MAX = 8;

/** Why no worker takes a call. */
export class Shortage {
  readonly #pool: WorkerPool;
  readonly #members: () => Iterable<MemberRecord>;

  constructor(pool: WorkerPool, members: () => Iterable<MemberRecord>) {
    this.#pool = pool;
    this.#members = members;
  }

  /** An error when waiting cannot help: nobody that is known serves the service, or is the member that is asked for. */
  refuse(asked: Asked): FabricError | undefined {
    const service = serviceOf(asked.method);
    let served = false;
    let named = !asked.memberId;
    for (const member of this.#members()) {
      served ||= member.services.includes(service);
      named ||= member.memberId === asked.memberId;
    }
    if (!named) return new FabricError("MEMBER_NOT_FOUND", `there is no member "${asked.memberId?.slice(0, 128)}"`);
    return served ? undefined : new FabricError("UNKNOWN_SERVICE", `no worker serves ${service}`);
  }

  explain(asked: Asked): FabricError {
    const excluded: string[] = [];
    let members = 0;
    for (const member of this.#members()) {
      members += 1;
      if (members > NAMED_MAX) continue;
      const reason = this.exclusion(member, asked);
      excluded.push(`${member.memberId} (${reason || "all its slots are in use"})`);
    }
    const more = members > NAMED_MAX ? `, and ${members - NAMED_MAX} more` : "";
    const count = members === 1 ? "1 worker exists" : `${members} workers exist`;
    return new FabricError(
      "NO_READY_WORKER",
      `No workers available for ${asked.method}: ${count}${members > 0 ? `: ${excluded.join(", ")}${more}` : ""}`,
    );
  }

  /** Why this member cannot take the call; "" when only its load can be in the way. */
  exclusion(member: MemberRecord, asked: Asked): string {
    const service = serviceOf(asked.method);
    if (!member.services.includes(service)) return `does not serve ${service}`;
    if (asked.memberId && asked.memberId !== member.memberId) return `the call asks for ${asked.memberId}`;
    if (asked.match && !parseSelector(asked.match).matches(member.tags)) return `its tags do not match ${asked.match}`;
    return this.#pool.notReadyReason(member.memberId);
  }
}
