/**
 * Asks the registry for known vulnerabilities of what the package depends on at run time, and fails on any. A registry that
 * has no such service, or cannot be reached, is reported and passes: it says nothing about the code.
 */
import { spawnSync } from "node:child_process";

interface AuditReport {
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
  readonly message?: string;
}

// Asked for on its own, because `npm audit` ends with 1 both for findings and for a registry that does not answer.
const { stdout, error } = spawnSync("npm", ["audit", "--omit=dev", "--json"], { encoding: "utf8", shell: false });
const report = error ? { message: error.message } : parse(stdout);

if (report.vulnerabilities === undefined) {
  console.log(`npm audit is not available here, skipped: ${report.message ?? "no reason given"}`);
} else {
  const findings = Object.entries(report.vulnerabilities);
  for (const [name, { severity, range }] of findings) console.error(`${severity}: ${name} ${range}`);
  if (findings.length > 0) {
    console.error("Known vulnerabilities. See: npm audit --omit=dev. Try: make fix-audit");
    process.exitCode = 1;
  }
}

function parse(text: string): AuditReport {
  try {
    return JSON.parse(text) as AuditReport;
  } catch {
    return { message: text.trim() };
  }
}
