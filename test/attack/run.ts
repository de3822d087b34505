/**
 * Attacks our director and a worker's own port, and beside them a bare `node:http2` proxy and nginx, in every way of `attack-table.ts`, while innocent clients
 * call: what do they notice?
 *
 * Method: attacker, target and innocents are processes of their own. The attacker has one connection at a time (but for the attacks
 * that are about connections) and a low priority; the innocents call at a constant pace, look at every answer in full, and each
 * must come within a second; what it called while it had no processor itself is left out. Goodput is the share of good answers
 * during the attack relative to the idle time before it. When the idle times before and after differ by more than a tenth, or
 * it failed while the target or the innocents had no processor for 40 % of the time, the machine was disturbed: the attack is
 * measured once more, and both are printed. RSS is that of the target's process, sampled, relative to just before the attack.
 *
 * Fails (exit code 1) when one of ours crashes, grows by more than 64 MiB, keeps a call in hand after the attacker has gone, or
 * lets innocents have less than 0.9 of what they had.
 *
 * Run: make attack, or node dist/test/attack/run.js [--attacks ping,hpack] [--targets heddle,worker,nginx] [--seconds 3] [--quick].
 * Linux only. The last line is one JSON object.
 */
import { parseArgs } from "node:util";
import { startListening, type Stage } from "../bench/relay/contestants";
import { makeCertificates } from "../support/certificates";
import { freeAddress, Processes } from "../support/processes";
import type { Attack } from "./attack";
import { ATTACKS } from "./attack-table";
import { HOSTILE_SERVICE } from "./hostile-worker";
import { figures, printOutcome, printTable } from "./report";
import { residentBytes } from "./resident-memory";
import { failureOf, isNoisy, mebibytes, strike, type Outcome, type StrikeOptions } from "./strike";
import { isPresent, OURS, startTarget, TARGET_NAMES, WORKER, type Target, type TargetName } from "./targets";

interface Options {
  readonly attacks: readonly Attack[];
  readonly targets: readonly TargetName[];
  readonly attackMs: number;
  readonly idleMs: number;
}

/** Other proxies stand beside ours for comparison only. */
const REFERENCE_SHARE = 0.5;
const WARM_UP_MS = 2_000;
const LINES_SHOWN = 12;

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      attacks: { type: "string", default: "" },
      targets: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const wanted = values.attacks.split(",");
  const attacks = ATTACKS.filter(({ name }) => wanted.some((part) => name.includes(part)));
  const targets = (values.targets ?? (values.quick ? OURS.join(",") : TARGET_NAMES.join(","))).split(",");
  const unknown = targets.filter((name) => !TARGET_NAMES.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`there is no target ${unknown.join(", ")}: ${TARGET_NAMES.join(", ")}`);
  if (attacks.length === 0) throw new Error(`no attack has "${values.attacks}" in its name`);
  return {
    attacks,
    targets: TARGET_NAMES.filter((name) => targets.includes(name)),
    attackMs: 1_000 * Number(values.seconds ?? (values.quick ? 0.5 : 1.5)),
    idleMs: values.quick ? 300 : 500,
  };
}

/** One target, plain or TLS, and the attacks that are for it. */
async function attackTarget(
  name: TargetName,
  tls: boolean,
  attacks: readonly Attack[],
  options: Options,
  keep: (outcome: Outcome) => void,
): Promise<void> {
  const processes = new Processes();
  try {
    const folder = await processes.folder;
    const { address: worker } = await startListening(processes, undefined, "canned-worker");
    const workerAddress = await freeAddress();
    const stage: Stage = {
      processes,
      folder,
      cores: { proxy: undefined, others: undefined },
      worker,
      certificates: tls ? await makeCertificates(folder) : undefined,
      detour: { service: HOSTILE_SERVICE, worker: workerAddress },
    };
    const share = OURS.includes(name) ? 1 : REFERENCE_SHARE;
    const strikeOptions: StrikeOptions = {
      attackMs: share * options.attackMs,
      idleMs: share * options.idleMs,
      workerAddress,
    };
    let target = await startWarm(stage, name);
    const startBytes = residentBytes(target.proxy.pid);
    console.log(`\n${name}${tls ? " over TLS" : ""}: ${mebibytes(startBytes)} MiB at the start`);
    for (const attack of attacks) {
      let outcome = await strike(processes, target, attack, strikeOptions);
      if (isNoisy(outcome)) {
        printOutcome(outcome, " (disturbed: measured once more)");
        outcome = await strike(processes, target, attack, strikeOptions);
      }
      printOutcome(outcome);
      keep(outcome);
      if (failureOf(outcome) !== "") console.log(indented(target.proxy.output?.() ?? ""));
      if (outcome.crashed) {
        await target.innocents.stop();
        target.close();
        target = await startWarm(stage, name);
      }
    }
    console.log(`${name}: ${mebibytes(residentBytes(target.proxy.pid))} MiB in the end`);
    target.close();
  } finally {
    await processes.stopAll();
  }
}

/** The last that a target said. */
function indented(output: string): string {
  return output.split("\n").slice(-LINES_SHOWN).join("\n").replace(/^/gm, "    | ");
}

async function startWarm(stage: Stage, name: TargetName): Promise<Target> {
  const target = await startTarget(stage, name);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  return target;
}

async function main(): Promise<void> {
  const options = readOptions();
  const outcomes = new Map(options.attacks.map(({ name }) => [name, new Map<TargetName, Outcome>()]));
  for (const name of options.targets) {
    if (!isPresent(name)) {
      console.log(`\n${name} is absent: make bench-tools`);
      continue;
    }
    for (const tls of [false, true]) {
      const attacks = options.attacks
        .filter(({ role }) => (role === "tls-client") === tls)
        // A worker's port has no workers behind it.
        .filter(({ role }) => name !== WORKER || role !== "worker");
      if (attacks.length === 0) continue;
      await attackTarget(name, tls, attacks, options, (outcome) => outcomes.get(outcome.attack)!.set(name, outcome));
    }
  }
  printTable(outcomes);
  const failed = [...outcomes.values()].flatMap((byTarget) =>
    OURS.map((name) => ({ name, outcome: byTarget.get(name) })).filter(
      ({ outcome }) => outcome && failureOf(outcome) !== "",
    ),
  );
  for (const { name, outcome } of failed) console.log(`FAILED ${name}: ${outcome!.attack}: ${failureOf(outcome!)}`);
  if (failed.length > 0) process.exitCode = 1;
  console.log(JSON.stringify({ attack: figures(outcomes) }));
}

// Leaving in order ends the processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
