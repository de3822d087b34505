/**
 * Runs h2spec, the conformance tests of HTTP/2, against a small web server on our engine, a gRPC server on it, and a director and a
 * worker as processes: each over TCP, and over TLS with ALPN. Prints a table and fails below 100 %. Where Go is absent, and h2spec was not built before, it
 * says so and skips.
 *
 * Run: make conformance-h2spec
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../test/support/certificates";
import { startTargets, type H2specTarget } from "./h2spec-targets";

const BIN = join(process.cwd(), ".cache/bin");
const H2SPEC = join(BIN, "h2spec");
const H2SPEC_PACKAGE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";

/** All there are in strict mode. Some need an answer with a body: the director's to what is no gRPC will do. */
const TESTS_MIN = 146;

interface Outcome {
  readonly target: H2specTarget;
  readonly tests: number;
  readonly passed: number;
  readonly failures: readonly string[];
}

/** Builds h2spec into .cache/bin, if it is not there. False: there is no Go to build it with. */
function ensureH2spec(): boolean {
  if (existsSync(H2SPEC)) return true;
  if (spawnSync("go", ["version"]).status !== 0) return false;
  mkdirSync(BIN, { recursive: true });
  const built = spawnSync("go", ["install", H2SPEC_PACKAGE], {
    env: { ...process.env, GOBIN: BIN },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (built.status !== 0) throw new Error("go install of h2spec failed");
  return true;
}

async function runAgainst(target: H2specTarget, folder: string): Promise<Outcome> {
  const report = join(folder, `${target.name}-${target.transport}.xml`);
  const flags = target.transport === "tls" ? ["-t", "-k"] : [];
  const output = await new Promise<string>((resolve) => {
    const args = ["-h", "127.0.0.1", "-p", String(target.port), "--timeout", "3", "--strict", "-j", report, ...flags];
    execFile(H2SPEC, args, { maxBuffer: 16 * 1_048_576 }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  if (!existsSync(report)) throw new Error(`h2spec made no report:\n${output}`);
  return { target, ...readReport(readFileSync(report, "utf8")) };
}

/** Of JUnit's XML: a test case passed if it holds neither a failure nor an error; skipped ones count as not passed. */
function readReport(xml: string): Omit<Outcome, "target"> {
  const cases = [
    ...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g),
  ];
  const failures = cases
    .filter(([, , , body]) => /<(failure|error|skipped)/.test(body ?? ""))
    .map(
      ([, section, name, body]) => `${section} ${name}: ${(body ?? "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ")}`,
    );
  return { tests: cases.length, passed: cases.length - failures.length, failures };
}

async function main(): Promise<number> {
  if (!ensureH2spec()) {
    console.log("h2spec: skipped, since Go is not installed to build it (Go 1.22 or later)");
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "heddle-h2spec-"));
  try {
    const certificates = await makeCertificates(folder);
    console.log("h2spec               tests  passed");
    let isGood = true;
    for (const transport of ["tcp", "tls"] as const) {
      const { targets, stop } = await startTargets(transport, certificates);
      try {
        for (const target of targets) isGood = print(await runAgainst(target, folder)) && isGood;
      } finally {
        await stop();
      }
    }
    return isGood ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A line, and one for each failure. Whether there is none. */
function print({ target, tests, passed, failures }: Outcome): boolean {
  const name = `  ${target.name.padEnd(12)} ${target.transport}`.padEnd(20);
  console.log(`${name} ${String(tests).padStart(5)} ${String(passed).padStart(7)}`);
  for (const failure of failures) console.log(`    failed: ${failure}`);
  return tests >= TESTS_MIN && passed === tests;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
