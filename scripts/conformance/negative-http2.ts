/**
 * Runs the cases of grpc's negative-http2-interop-test-descriptions.md against our server for them: our client on both transports,
 * straight and through a director as a process; and, to prove the server, grpc-js and grpc-go's own client of these cases, where there is
 * Go. Prints a table and everything that went wrong; the last line is JSON. Fails unless all is as it should be.
 *
 * Run: make conformance-negative
 */
import { messageOf } from "../../src/core/errors";
import { INTEROP_STACKS } from "../../test/support/interop/interop-stacks";
import { BEHAVIOURS, type NegativeCaseName } from "../../test/support/negative-http2/behaviours";
import { NEGATIVE_CASES, RETRIED_CASES } from "../../test/support/negative-http2/negative-cases";
import { NegativeServer } from "../../test/support/negative-http2/negative-server";
import { Processes, within } from "../../test/support/processes";
import { parseAddress } from "../../src/core/address";
import { buildGoInterop } from "./go-interop";
import { InteropCluster } from "./interop-cluster";
import type { Lane } from "./interop-run";

const CASES = Object.keys(BEHAVIOURS) as NegativeCaseName[];
const CASE_MAX_MS = 20_000;

/** Those of the description: the others are of its server, or our own. */
const GO_CASES = [
  ...(["goaway", "rst_after_header", "rst_during_data", "rst_after_data", "ping", "max_streams"] as const),
];
const GO_KNOWN_FAILURES: Readonly<Partial<Record<NegativeCaseName, string>>> = {
  rst_during_data:
    "grpc-go's client wants UNKNOWN, and grpc-go says INTERNAL of a stream that is reset, as the specification does.",
};

type StackName = keyof typeof INTEROP_STACKS;

interface Row {
  readonly client: string;
  readonly path: Lane["path"];
  readonly passed: number;
  readonly cases: number;
  readonly remarks: readonly string[];
  readonly isGood: boolean;
}

/** Resolves to what went wrong, or to undefined. */
type RunCase = (name: NegativeCaseName, server: NegativeServer) => Promise<string | undefined>;

async function runInProcess(
  stack: StackName,
  name: NegativeCaseName,
  server: NegativeServer,
  director?: string,
): Promise<string | undefined> {
  const target = INTEROP_STACKS[stack].open({
    address: director ?? server.address,
    caFile: undefined,
    isDirector: director !== undefined || RETRIED_CASES.includes(name),
  });
  try {
    const late = () => new Error(`did not end within ${CASE_MAX_MS} ms`);
    await within(CASE_MAX_MS, NEGATIVE_CASES[name](target, server), late);
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    target.close();
  }
}

/** A director of its own for each case: what the one before has left is no part of it. */
async function runThroughDirector(name: NegativeCaseName, server: NegativeServer) {
  const cluster = await InteropCluster.start(undefined);
  try {
    await cluster.attach({ address: server.address, attachesItself: false, stop: () => Promise.resolve() });
    return await runInProcess("heddle", name, server, cluster.address);
  } finally {
    await cluster.stop();
  }
}

async function runGo(program: string, processes: Processes, name: NegativeCaseName, server: NegativeServer) {
  const { host, port } = parseAddress(server.address, "the server");
  const client = await processes.spawn(program, {
    name: `grpc-go's negative client (${name})`,
    args: [`--server_host=${host}`, `--server_port=${port}`, `--test_case=${name}`],
  });
  const { code } = await client.whenExited(CASE_MAX_MS);
  if (code !== 0) return client.output;
  return server.violations.length === 0 ? undefined : server.violations.join();
}

async function rowOf(
  client: string,
  path: Lane["path"],
  cases: readonly NegativeCaseName[],
  run: RunCase,
  known: typeof GO_KNOWN_FAILURES = {},
): Promise<Row> {
  const remarks: string[] = [];
  let [passed, isGood] = [0, true];
  for (const name of cases) {
    const server = await NegativeServer.start(name);
    try {
      const failure = await run(name, server);
      const reason = known[name];
      if (failure === undefined) passed += 1;
      if (reason !== undefined) remarks.push(`(${name}: ${reason})`);
      else if (failure !== undefined) remarks.push(`${name} FAILS: ${failure}`);
      // A reason that is out of date counts as a failure too.
      isGood &&= (failure === undefined) === (reason === undefined);
    } finally {
      server.close();
    }
  }
  return { client, path, passed, cases: cases.length, remarks, isGood };
}

async function main(): Promise<void> {
  const rows: Row[] = [];
  for (const stack of ["heddle", "heddle-js", "grpc-js"] as const) {
    rows.push(await rowOf(stack, "direct", CASES, (name, server) => runInProcess(stack, name, server)));
  }
  rows.push(await rowOf("heddle", "director", CASES, runThroughDirector));
  const go = buildGoInterop();
  const processes = new Processes();
  try {
    if (go) {
      const run: RunCase = (name, server) => runGo(go.negativeClient, processes, name, server);
      rows.push(await rowOf("grpc-go", "direct", GO_CASES, run, GO_KNOWN_FAILURES));
    } else console.log("There is no Go here, so grpc-go's client is left out.");
  } finally {
    await processes.stopAll();
  }
  console.log("client    path       passed");
  for (const { client, path, passed, cases, remarks } of rows) {
    console.log(
      `${client.padEnd(9)} ${path.padEnd(9)} ${`${passed}/${cases}`.padStart(7)}  ${remarks.join(" ")}`.trimEnd(),
    );
  }
  const lanes = rows.map(({ client, path, passed, cases }) => [`${client} ${path}`, [passed, cases]]);
  console.log(`\n${JSON.stringify({ negative: Object.fromEntries(lanes) as Record<string, [number, number]> })}`);
  process.exitCode = rows.every(({ isGood }) => isGood) ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
