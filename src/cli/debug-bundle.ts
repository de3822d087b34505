import { writeFile } from "node:fs/promises";
import { arch, platform, release } from "node:os";
import { gzipSync } from "node:zlib";

import type { Environment } from "../config/setting";
import { messageOf } from "../core/errors";
import { plainAgent } from "./agents";
import { latestEvents, plainEvent } from "./events";
import { maskedDeep } from "./mask-secrets";
import { plainNode } from "./node-facts";
import type { OperatorParts } from "./operator";
import { effectiveSettings, ROLE_NAMES, type RoleName } from "./show-config";
import { clusterFacts, plainStatus, type ClusterFacts } from "./status";
import { CommandError, EXIT } from "./terminal";

export type DebugParts = Pick<OperatorParts, "operator" | "agents" | "terminal" | "clock" | "timeoutMs">;

export interface DebugOptions {
  readonly env: Environment;
  readonly version: string;
  /** "" makes a name of the cluster's and the time. */
  readonly file: string;
  readonly json: boolean;
}

const EVENTS_MAX = 1_000;
/** Services without a ready node that are explained. */
const SHORTAGES_MAX = 50;

/**
 * `heddle debug`: what someone else needs to see to help, in one file. It has no certificate, key, password or metadata value, as far as
 * names and forms tell; addresses, ids, tags and the reasons that people gave are in it.
 */
export async function writeDebugBundle(parts: DebugParts, options: DebugOptions): Promise<number> {
  const { terminal, clock } = parts;
  const bundle = await debugBundle(parts, options);
  const at = new Date(clock.wallMs()).toISOString().replace(/[:.]/g, "-").slice(0, 19);
  const file = options.file || `heddle-debug-${at}.json.gz`;
  try {
    // Never over something that is there; for the owner's eyes.
    await writeFile(file, gzipSync(JSON.stringify(bundle, undefined, 2)), { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw new CommandError(
      EXIT.failed,
      `${file} cannot be written: ${messageOf(error)}`,
      "heddle debug --output <file>",
    );
  }
  if (options.json) terminal.out(JSON.stringify({ file }, undefined, 2));
  else terminal.out(file);
  terminal.err("Secrets are masked. Addresses, ids, tags and reasons are in it: look before you send it (zcat).");
  return EXIT.ok;
}

async function debugBundle(parts: DebugParts, { env, version }: DebugOptions): Promise<unknown> {
  const [facts, events] = await Promise.all([
    clusterFacts(parts).catch((error: unknown) => messageOf(error)),
    latestEvents(parts, EVENTS_MAX),
  ]);
  const cluster = typeof facts === "string" ? { unreachable: facts } : await ofCluster(parts, facts);
  return maskedDeep({
    writtenAt: new Date(parts.clock.wallMs()).toISOString(),
    versions: { heddle: version, node: process.version, system: `${platform()} ${release()} ${arch()}` },
    settings: Object.fromEntries(ROLE_NAMES.map((role) => [role, settingsOf(role, env)])),
    ...cluster,
    events: events.map(plainEvent),
  });
}

function settingsOf(role: RoleName, env: Environment): unknown {
  try {
    const settings = effectiveSettings(role, env).filter(({ source }) => source !== "default");
    return Object.fromEntries(settings.map(({ variable, value }) => [variable, value]));
  } catch (error) {
    return { mistake: messageOf(error) };
  }
}

async function ofCluster(parts: DebugParts, facts: ClusterFacts) {
  const { topology, stats, agents } = facts;
  const perMember = stats.perMember.map((each) => ({
    node: each.memberId,
    started: Number(each.callsStarted),
    succeeded: Number(each.callsSucceeded),
    failed: Number(each.callsFailed),
    cancelled: Number(each.callsCancelled),
    inFlight: each.inFlight,
    latencyEwmaMs: each.latencyEwmaMs,
    latencyP50Ms: each.latencyP50Ms,
    latencyP99Ms: each.latencyP99Ms,
  }));
  const calls = stats.calls.map(({ method, memberId: node, ended, latencySumMs }) => {
    return { method, node, ended: Object.fromEntries([...ended].map(([code, n]) => [code, Number(n)])), latencySumMs };
  });
  return {
    status: plainStatus(facts),
    nodes: topology.members.map(plainNode),
    stats: {
      attached: stats.attached,
      assignments: stats.assignments,
      heartbeats: Number(stats.heartbeats),
      perMember,
      calls,
    },
    agents: agents?.map(plainAgent),
    shortages: await shortages(parts, facts),
  };
}

/** Why nobody can take calls of the services that no ready node has. */
async function shortages({ operator, timeoutMs }: DebugParts, { topology: { members } }: ClusterFacts) {
  const served = new Set(members.filter(({ ready }) => ready).flatMap(({ services }) => services));
  const missing = [...new Set(members.flatMap(({ services }) => services))].filter((service) => !served.has(service));
  const answers = missing.slice(0, SHORTAGES_MAX).map(async (service) => {
    try {
      const { message, candidates } = await operator.explain({ method: service }, { timeoutMs });
      return { service, message, candidates };
    } catch (error) {
      return { service, message: messageOf(error), candidates: [] };
    }
  });
  return await Promise.all(answers);
}
