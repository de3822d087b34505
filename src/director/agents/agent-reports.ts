import { Backoff } from "../../core/backoff";
import type { AgentRecord, AgentReport } from "../../core/agent";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import type { Random } from "../../core/random";
import type { Store } from "../../store/store";
import type { ClusterView } from "../cluster-view";
import { encodeRecord, KEYS } from "../records";

export interface AgentReportsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly store: Store;
  readonly view: ClusterView;
}

const RETRY = { initialMs: 50, maxMs: 2_000 } as const;
/** Reports written at once. More would only queue in the store. */
const CONCURRENT_MAX = 16;
/** What ran for so long did not fail because it could not be started. */
const LONG_RUN_MS = 600_000;
/** Characters of a reason; the rest is left off. */
const REASON_MAX = 512;

interface Told {
  readonly memberId: string;
  readonly report: AgentReport;
}

/** Brings what workers say of their agents into the record: only the latest of each agent, until it is there or overtaken by another placement. */
export class AgentReports {
  readonly #parts: AgentReportsParts;
  readonly #waiting = new Map<string, Told>();
  readonly #busy = new Set<string>();
  readonly #stop = new AbortController();

  constructor(parts: AgentReportsParts) {
    this.#parts = parts;
  }

  /** A member that is attached here says how an agent of its is. */
  take(memberId: string, report: AgentReport): void {
    if (!changed(this.#parts.view.agents.get(report.name), { memberId, report }, 0)) return;
    this.#waiting.set(report.name, { memberId, report });
    this.#startNext();
  }

  stop(): void {
    this.#stop.abort();
  }

  #startNext(): void {
    for (const name of this.#waiting.keys()) {
      if (this.#busy.size >= CONCURRENT_MAX || this.#stop.signal.aborted) return;
      if (this.#busy.has(name)) continue;
      this.#busy.add(name);
      void this.#write(name).finally(() => {
        this.#busy.delete(name);
        this.#startNext();
      });
    }
  }

  async #write(name: string): Promise<void> {
    const { clock, random, logger, store, view } = this.#parts;
    const backoff = new Backoff(RETRY, random);
    const key = KEYS.agent(name);
    for (;;) {
      const told = this.#waiting.get(name);
      const next = told && changed(view.agents.get(name), told, Math.floor(clock.wallMs()));
      if (!next || this.#stop.signal.aborted) break;
      try {
        const { succeeded, revision } = await store.commit({
          conditions: [{ key, modRevision: view.modRevision(key) }],
          operations: [{ kind: "put", key, value: encodeRecord(next) }],
        });
        await view.caughtUp(revision, clock);
        if (succeeded && this.#waiting.get(name) === told) break;
      } catch (error) {
        logger.debug("the store did not take how an agent is, trying again", { agent: name, reason: messageOf(error) });
        await clock.sleep(backoff.nextMs(), this.#stop.signal).catch(() => {});
      }
    }
    this.#waiting.delete(name);
  }
}

/** The record after the report; `undefined` when the report is of another placement, or no news. */
function changed(
  record: AgentRecord | undefined,
  { memberId, report }: Told,
  nowUnixMs: number,
): AgentRecord | undefined {
  if (!record || record.memberId !== memberId || record.generation !== report.generation) return undefined;
  const { state } = record;
  if (state === "pending" || state === "released") return undefined;
  if (report.running) return state === "running" ? undefined : { ...record, state: "running", previous: undefined };
  if (state === "failed") return undefined;
  const ranLong = state === "running" && nowUnixMs - record.assignedAtUnixMs >= LONG_RUN_MS;
  const reason = `${memberId}: ${report.reason || "it failed"}`.slice(0, REASON_MAX);
  return { ...record, state: "failed", reason, failures: ranLong ? 1 : record.failures + 1 };
}
