/**
 * Loaded into the director with `node --require`, so that it is measured from within and its own code stays as it is. On
 * SIGUSR2 it prints one line with what the process used since the line before, and starts over.
 *
 * With HEARTBEAT_PROFILE_DIR, each such span is also written there as a CPU profile; its cost is in the figures then.
 */
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { LoopLag } from "../../src/platform/loop-lag";

/** What a process used in a span of time. */
export interface Usage {
  /** User and system time of all threads: utime + stime of /proc/PID/stat, in microseconds. */
  readonly cpuUs: number;
  readonly rssMb: number;
  readonly lagMaxMs: number;
  readonly lagP99Ms: number;
}

const PREFIX = "usage ";

export function parseUsage(line: string): Usage {
  return JSON.parse(line.slice(line.indexOf(PREFIX) + PREFIX.length)) as Usage;
}

function installProbe(profileDir: string | undefined): void {
  const loopLag = new LoopLag();
  const endProfile = profileDir === undefined ? () => {} : startProfiles(profileDir);
  let cpu = process.cpuUsage();
  process.on("SIGUSR2", () => {
    const used = process.cpuUsage(cpu);
    const { maxMs, p99Ms } = loopLag.take();
    const usage: Usage = {
      cpuUs: used.user + used.system,
      rssMb: process.memoryUsage.rss() / 2 ** 20,
      lagMaxMs: maxMs,
      lagP99Ms: p99Ms,
    };
    process.stderr.write(`${PREFIX}${JSON.stringify(usage)}\n`);
    endProfile();
    cpu = process.cpuUsage();
  });
}

/** Returns what writes the profile of the span that ends, and begins the next. */
function startProfiles(folder: string): () => void {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.start");
  let count = 0;
  return () => {
    session.post("Profiler.stop", (_error, { profile }) => {
      count += 1;
      writeFileSync(join(folder, `span-${count}.cpuprofile`), JSON.stringify(profile));
    });
    session.post("Profiler.start");
  };
}

// Not when the bench imports the parser.
if (process.argv[1]?.endsWith("heddle-director.js")) installProbe(process.env["HEARTBEAT_PROFILE_DIR"]);
