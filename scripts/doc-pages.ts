import type { SettingsTable } from "../src/config/setting";
import { type ErrorKind, ERRORS } from "../src/core/errors";
import { statusName } from "../src/core/status";
import { METRICS } from "../src/gateway/metrics/metric-table";

const NOTICE = "<!-- Printed from the code by `make fix-docs`. Edit the table in the code, not this page. -->";

const ROLES: Readonly<Record<string, { readonly title: string; readonly intro: string }>> = {
  director: {
    title: "Director",
    intro: "Table: `src/config/director-settings.ts`. Program: `heddle director`, `heddle-director`.",
  },
  worker: {
    title: "Worker",
    intro:
      "Table: `src/config/worker-settings.ts`. Programs: `heddle worker`, `heddle-worker`, and your own with `createWorker()`.",
  },
  client: {
    title: "Client",
    intro:
      "Table: `src/config/client-settings.ts`. Programs: `heddle client`, `heddle-client`, and your own with `connect()`.",
  },
};

/** docs/configuration.md: every setting of every role. */
export function configurationPage(tables: Readonly<Record<string, SettingsTable>>): string {
  const sections = Object.entries(tables).map(([role, table]) => roleSection(role, table));
  return `${NOTICE}

# Configuration

Every setting is an environment variable, and most are options in code. An option wins over the variable, and the variable
over the default. An empty variable is an unset one. A start with mistakes lists all of them and ends; a \`HEDDLE_…\` variable
that does not exist is a mistake too, except \`HEDDLE_TEST_…\`, which belongs to the test suite. Roles may share an
environment: each reads what concerns it.

${sections.join("\n")}`;
}

function roleSection(role: string, table: SettingsTable): string {
  const { title, intro } = ROLES[role] ?? { title: role, intro: "" };
  const rows = Object.entries(table).map(([option, setting]) => {
    const names = [setting.name, ...setting.aliases.map(({ name }) => name)].map((name) => `\`${name}\``).join(" ");
    return `| ${names} | \`${option}\` | ${cell(setting.defaultText)} | ${cell(setting.accepts)} | ${cell(setting.doc)} |`;
  });
  return `## ${title}

${intro}

| variable (and aliases) | option | default | accepts | meaning |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

const RETRY: Readonly<Record<ErrorKind["retry"], string>> = {
  never: "no",
  "other-worker": "yes, on another worker",
  "after-backoff": "yes, after a pause",
};

const EXECUTED: Readonly<Record<ErrorKind["executed"], string>> = { no: "no", maybe: "perhaps", yes: "yes" };

/** docs/errors.md: every error a caller can see. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, kind]) =>
      `| \`${code}\` | ${statusName(kind.status)} | ${RETRY[kind.retry]} | ${EXECUTED[kind.executed]} | ${cell(kind.doc)} |`,
  );
  return `${NOTICE}

# Errors

Every error that a caller can see. Its message begins with the code in brackets: \`[WORKER_LOST] w7 …\`. A call that cannot
have run is retried on another worker by itself, within its deadline and \`HEDDLE_ATTEMPTS_MAX\`; one that may have run only
when its method is marked idempotent. Table: \`src/core/errors.ts\`.

| code | gRPC status | worth another try | may have run | meaning and remedy |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

/** docs/metrics.md: everything that a scrape has. */
export function metricsPage(): string {
  const rows = Object.entries(METRICS).map(
    ([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${cell(help)} |`,
  );
  return `${NOTICE}

# Metrics

\`GET /metrics\` at a director's HTTP port (\`HEDDLE_HTTP_ADDR\`), in the text format of Prometheus. Every director counts what it
routes itself, its relay processes included: scrape all of them, and sum. Alerts: [operations](operations.md#monitoring). Table:
\`src/gateway/metrics/metric-table.ts\`.

A scrape is one round of the director's own RPCs; scrapes at the same time share it. Series are bounded: 1,024 methods, 2,000 pairs of
method and member, 2,000 members with gauges of their own. Callers cannot make any: a method has a series when its contract is known or a
worker has answered it, and is "other" until then. The series of a member stay for ten minutes after it was last seen; then they go,
and the histogram by method, which has no members, keeps what they counted.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}

/** A "|" would end the table's cell, and "<" begin a tag. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
