import { quantile } from "../bench/measure/statistics";
import type { ChaosReport } from "./chaos";
import type { FaultRecord } from "./fault";
import type { CallRecord } from "./history";
import { DISK_FAULTS, STORE_FAULTS } from "./store-faults";
import { NAMESPACE_FAULTS, WORKER_FAULTS } from "./worker-faults";
import { isGood } from "./verdict";

const SHOWN = 8;

const two = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? 0 : Math.round(100 * value) / 100;

/** The last line. */
export function figures({ verdict, writes, convergedMs, faults, leftOut }: ChaosReport, seed: number) {
  const { rerouteIntervals, leaderGapTtls } = verdict;
  return {
    calls: verdict.calls,
    failedIdempotent: verdict.failedIdempotent.length,
    duplicated: verdict.duplicated.length,
    lostWrites: verdict.lostWrites.length,
    rerouteP99Intervals: two(quantile(rerouteIntervals, 0.99)),
    leaderGapTtls: two(leaderGapTtls.at(-1)),
    rerouteP50Intervals: two(quantile(rerouteIntervals, 0.5)),
    disorders: verdict.disorders.length,
    complaints: verdict.complaints.length,
    allowedFailures: verdict.allowedFailures,
    acknowledgedWrites: writes.acknowledged,
    refusedWrites: writes.refused,
    convergedMs: Math.round(convergedMs),
    faults: faults.length,
    leftOut: leftOut.length,
    seed,
  };
}

/** Kinds that a short run had no time for. */
function missed(faults: readonly FaultRecord[], leftOut: readonly string[]): string[] {
  const names = [...WORKER_FAULTS, ...STORE_FAULTS, ...DISK_FAULTS, ...NAMESPACE_FAULTS].map(({ name }) => name);
  return names
    .filter((name) => !faults.some(({ kind }) => kind === name))
    .filter((name) => !leftOut.some((what) => what.startsWith(`${name}:`)));
}

function describe({ id, failure, startMs, endMs, worker, attempts, disorder }: CallRecord): string {
  const took = `${Math.round(endMs - startMs)} ms, begun at ${new Date(startMs).toISOString().slice(11, 23)}`;
  return `${id}: ${failure || disorder} (${took}, worker ${worker || "unknown"}, attempts ${attempts})`;
}

/** What happened, and where to look when it should not have. */
export function printReport(report: ChaosReport, folder: string): void {
  const { verdict, faults, writes, convergedMs, leftOut } = report;
  const perKind = new Map<string, FaultRecord[]>();
  for (const fault of faults) perKind.set(fault.kind, [...(perKind.get(fault.kind) ?? []), fault]);
  console.log("\nfaults");
  for (const [kind, all] of [...perKind].sort()) {
    console.log(`  ${String(all.length).padStart(3)} × ${kind} (${all.map(({ target }) => target).join("; ")})`);
  }
  for (const what of missed(faults, leftOut)) console.log(`    not reached: ${what}`);
  for (const what of leftOut) console.log(`    left out: ${what}`);
  const { rerouteIntervals: reroute, leaderGapTtls: gaps } = verdict;
  console.log(
    `\n${verdict.calls} calls; ${verdict.allowedFailures} failed of those that may: not idempotent, streams that are not resumed,`,
  );
  console.log("and grpc-js's own while its only director was away");
  console.log(
    `until no call was sent to an unusable worker: p50 ${two(quantile(reroute, 0.5))}, p99 ${two(quantile(reroute, 0.99))} heartbeat intervals (${reroute.length} ways)`,
  );
  console.log(
    `until there was another leader: ${gaps.map(two).join(", ") || "no leader was hit"} lives of the leader's key`,
  );
  console.log(`${writes.acknowledged} writes acknowledged, ${writes.refused} not`);
  console.log(`all directors saw the same ${Math.round(convergedMs)} ms after the last healing`);
  const { failedIdempotent, duplicated, lostWrites, disorders, complaints } = verdict;
  list("idempotent calls that failed", failedIdempotent.map(describe));
  list("calls that ran twice, or never", duplicated);
  list("acknowledged writes that are lost", lostWrites);
  list("streams with a gap or a repeat", disorders.map(describe));
  list("what else must not be", complaints);
  console.log(
    isGood(verdict) ? "\nall well" : `\nlook into ${folder}: a log of each program, histories, ledgers, evidence.json`,
  );
}

function list(title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  console.log(`\nVIOLATION: ${title}: ${lines.length}`);
  for (const line of lines.slice(0, SHOWN)) console.log(`  ${line}`);
  if (lines.length > SHOWN) console.log(`  and ${lines.length - SHOWN} more`);
}
