import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import { isDrained, type Intent } from "../core/member";
import { MessageQueue } from "../core/message-queue";
import type { Handlers } from "../rpc/service/service-handlers";
import type { Store } from "../store/store";
import {
  DrainMeasure,
  DrainPhase,
  type DirectorServiceDefinition,
  type DrainMemberRequest,
  type DrainMemberResponse,
} from "../wire/contract";
import { intentKindToWire } from "../wire/member-codec";
import type { ClusterView } from "./cluster-view";
import type { DrainProgress, Drains } from "./drains";
import { durable, TEXT_MAX } from "./member-rpcs";
import type { MemberReport } from "./member-report";
import { encodeRecord, KEYS } from "./records";

export interface DrainRpcsParts {
  readonly directorId: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly view: ClusterView;
  readonly report: MemberReport;
  readonly drains: Drains;
  /** Resolves when the view has reached this store revision, and no call is decided by what was before. */
  caughtUp(revision: number): Promise<void>;
  /** Aborts when the director stops, which ends the streams. */
  readonly stopping: AbortSignal;
}

type DrainRpcs = Pick<Handlers<DirectorServiceDefinition>, "drainMember">;

/** Longer than calls last as a rule, and short enough that a forgotten drain is noticed the same day. */
const DEADLINE_DEFAULT_MS = 30 * 60_000;
const DEADLINE_MAX_MS = 30 * 24 * 3_600_000;
/** How often the deadline, and what tells of no change by itself, is looked at. */
const LOOK_EVERY_MS = 1_000;
/** Longest silence of a stream, so that its reader sees that it lives. */
const SPEAK_EVERY_MS = 5_000;

const PHASES: Readonly<Record<DrainProgress["phase"], DrainPhase>> = {
  "taking-out": DrainPhase.TAKING_OUT,
  finishing: DrainPhase.FINISHING,
  "deadline-passed": DrainPhase.DEADLINE_PASSED,
  complete: DrainPhase.COMPLETE,
  cancelled: DrainPhase.CANCELLED,
  left: DrainPhase.LEFT,
  lost: DrainPhase.LOST,
};

const ENDINGS: ReadonlySet<string> = new Set(["complete", "cancelled", "left", "lost"]);

export function drainRpcs(parts: DrainRpcsParts): DrainRpcs {
  const { clock, view, report, drains } = parts;
  return {
    drainMember: async function* (request, { signal }) {
      const { memberId } = request;
      if (!report.record(memberId)) {
        throw new FabricError("MEMBER_NOT_FOUND", `there is no member "${memberId.slice(0, 128)}"`);
      }
      if (!request.watchOnly) await order(parts, request);
      const ended = AbortSignal.any([signal, parts.stopping]);
      const changes = new MessageQueue<true>();
      const stopListening = drains.onChange(memberId, () => changes.replace(true));
      const end = () => changes.end();
      ended.addEventListener("abort", end, { once: true });
      const looking = lookOften(clock, () => changes.replace(true), ended);
      try {
        changes.push(true);
        let told = "";
        let toldMs = 0;
        for await (const _ of changes) {
          const progress = drains.progress(memberId);
          const news = JSON.stringify(progress);
          const isDue = clock.monotonicMs() - toldMs >= SPEAK_EVERY_MS;
          if (news === told && !isDue) continue;
          told = news;
          toldMs = clock.monotonicMs();
          yield toWire(memberId, progress, clock.wallMs());
          if (ENDINGS.has(progress.phase)) return;
        }
        if (parts.stopping.aborted) {
          const what = `director ${parts.directorId} is stopping; the drain goes on: ask another one, or this one again`;
          throw new FabricError("DIRECTOR_STOPPING", what);
        }
      } finally {
        looking.abort();
        stopListening();
        ended.removeEventListener("abort", end);
      }
    },
  };

  /** Makes the drain what the request says, unless it is so already. */
  async function order({ store, caughtUp }: DrainRpcsParts, request: DrainMemberRequest): Promise<void> {
    const current = view.intent(request.memberId);
    const wanted = intentOf(request, current, Math.floor(clock.wallMs()));
    if (JSON.stringify(wanted) === JSON.stringify(current)) return;
    const write = () => store.put(KEYS.intent(request.memberId), encodeRecord(wanted));
    await caughtUp(await durable("the drain was not begun or changed", write));
  }
}

/** What the operator wants now; what the request leaves open stays as it is in a drain that runs. */
function intentOf(request: DrainMemberRequest, current: Intent, nowMs: number): Intent {
  const { deadlineMs, force, maintenance, reason, setBy } = request;
  if (deadlineMs !== undefined && deadlineMs > DEADLINE_MAX_MS) {
    const remedy = `give at most ${DEADLINE_MAX_MS} (30 days), or 0 for no deadline`;
    throw new FabricError("INVALID_ARGUMENT", `deadline_ms is ${deadlineMs}: ${remedy}`);
  }
  const running = isDrained(current) ? current : undefined;
  const isMaintenance = maintenance || running?.kind === "maintenance";
  const deadlineUnixMs = (inMs: number) => (inMs === 0 ? 0 : nowMs + inMs);
  return {
    kind: isMaintenance ? "maintenance" : "draining",
    setBy: setBy.slice(0, TEXT_MAX) || (running?.setBy ?? ""),
    reason: reason.slice(0, TEXT_MAX) || (running?.reason ?? ""),
    setAtUnixMs: running?.setAtUnixMs ?? nowMs,
    deadlineUnixMs:
      deadlineMs === undefined && running ? running.deadlineUnixMs : deadlineUnixMs(deadlineMs ?? DEADLINE_DEFAULT_MS),
    force: force ?? running?.force ?? false,
  };
}

function lookOften(clock: Clock, look: () => void, ended: AbortSignal): AbortController {
  const own = new AbortController();
  const over = AbortSignal.any([own.signal, ended]);
  const run = async () => {
    while (!over.aborted) {
      await clock.sleep(LOOK_EVERY_MS, over).catch(() => {});
      if (!over.aborted) look();
    }
  };
  void run();
  return own;
}

function toWire(memberId: string, progress: DrainProgress, nowMs: number): DrainMemberResponse {
  const { phase, inFlight, measuredBy, intent, detail } = progress;
  return {
    memberId,
    phase: PHASES[phase],
    inFlight,
    measuredBy: measuredBy === "worker" ? DrainMeasure.WORKER : DrainMeasure.DIRECTOR,
    elapsedMs: BigInt(Math.max(0, Math.floor(nowMs - intent.setAtUnixMs))),
    startedAtUnixMs: BigInt(intent.setAtUnixMs),
    deadlineUnixMs: BigInt(intent.deadlineUnixMs),
    force: intent.force,
    reason: intent.reason,
    setBy: intent.setBy,
    intent: intentKindToWire(intent.kind),
    detail,
  };
}
