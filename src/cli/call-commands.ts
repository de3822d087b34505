import { InvalidArgumentError, type Command } from "commander";

import { clientSettings } from "../config/client-settings";
import type { CallTools } from "./call-tools";
import type * as RunBench from "./bench/run-bench";
import type * as RunCall from "./call/run-call";
import { durationOf, EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";
import type * as RunTop from "./top/run-top";

// What a command does is loaded when it is run.
const loadTop = () => require("./top/run-top") as typeof RunTop;
const loadBench = () => require("./bench/run-bench") as typeof RunBench;
const loadCall = () => require("./call/run-call") as typeof RunCall;

/** `heddle call` and `top`: what makes calls, and what looks at them. */
export function addCallCommands(program: Command, operator: OperatorCommands, tools: CallTools): void {
  addCall(program, operator, tools);
  addBench(program, operator, tools);
  addTop(program, operator, tools);
}

/** Flags of commands that make calls. */
interface CallFlags extends OperatorFlags {
  readonly data?: string;
  readonly direct?: true;
  readonly worker?: string;
  readonly match?: string;
  readonly affinity?: string;
  readonly policy?: string;
  readonly metadata?: readonly string[];
}

interface OneCallFlags extends CallFlags {
  readonly describe?: true;
  readonly receipt?: true;
  readonly defaults?: true;
  readonly idempotencyKey?: string;
  readonly resume?: number;
}

/** With the flags that say how calls are made, and by whom they are taken. */
function addCalling(program: Command, usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option("-d, --data <json>", "The request: JSON, @file, or - for standard input. The same as the second argument.")
    .option("--direct", "Pick the worker here and dial it, as direct clients do, in place of going through a director.")
    .option("--worker <node>", "Only this worker: its id, or a beginning of it that no other has.")
    .option("--match <selector>", "Only workers whose tags match, such as zone=a.")
    .option("--affinity <key>", "The same key to the same worker, with policies that look at it.")
    .option("--policy <name>", "Balance by this policy.")
    .option(
      "--metadata <key:value>",
      "Metadata to send; base64 for keys that end in -bin. As often as needed.",
      collected,
    )
    .option("--directors <addresses>", `Whom to ask. [${clientSettings.directors.name}]`)
    .option("--json", "Print JSON, for programs: each answer on a line.");
}

function addCall(program: Command, operator: OperatorCommands, tools: CallTools): void {
  addCalling(
    program,
    "call [method] [json]",
    "Call a method of any worker, in JSON; without a method, list what can be called.",
  )
    .option("--describe", "Print the method's schema, and a request to fill in.")
    .option("--timeout <duration>", "Deadline, such as 500ms or 10s. Default: 30s, and none for streams.")
    .option("--idempotency-key <key>", "Calls with the same key are one, and may be tried again.")
    .option("--resume <number>", "Go on in a resumable stream after this many messages.", wholeNumber)
    .option("-v, --receipt", "Say who answered after how many attempts and how long, and print headers and trailers.")
    .option("--defaults", "Print fields that have their default value too.")
    .addHelpText("after", CALL_HELP)
    .action((target: string | undefined, json: string | undefined, flags: OneCallFlags, command: Command) => {
      const timeoutMs = flags.timeout === undefined ? undefined : durationOf(command, "--timeout", flags.timeout);
      const request = {
        ...selectorsOf(flags),
        target,
        data: dataOf(json, flags, command),
        describe: flags.describe === true,
        receipt: flags.receipt === true,
        emitDefaults: flags.defaults === true,
        json: flags.json === true,
        timeoutMs,
        idempotencyKey: flags.idempotencyKey,
        resumeAfter: flags.resume,
      };
      const action = loadCall().runCall;
      return operator.run(command, flags, (parts) => action(parts, tools, request), modeOf(flags));
    });
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function selectorsOf({ worker, match, affinity, policy, metadata }: CallFlags) {
  return { worker, match, affinity, policy, metadata };
}

function modeOf({ direct }: CallFlags) {
  return { mode: direct ? ("direct" as const) : ("proxy" as const) };
}

function dataOf(argument: string | undefined, { data }: CallFlags, command: Command): string | undefined {
  if (argument !== undefined && data !== undefined) {
    command.error("error: the request is given twice, as an argument and by --data: leave one out");
  }
  return argument ?? data;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Use a whole number, such as 41.");
  return Number(text);
}

const CALL_HELP = `
METHOD is Service/Method; of the service's full name the end that no other has is enough: ComputeService/Execute. The contract is
the one that workers sent to the director, so no .proto file is needed. Without METHOD all services are listed, with a service its methods.

  heddle call ComputeService/Execute '{"task": "echo", "input": "aGVsbG8="}'
  heddle call ComputeService/Execute --describe
  heddle call InferenceService/Generate '{"prompt": "hello", "maxTokens": "5"}' -v
  printf '{"task": "echo"}' | heddle call ComputeService/Execute -

Requests of a stream are read from standard input, one JSON text after the other, and sent as they come; answers are printed as they
come, one a line, or over several lines at a terminal.
${EXIT_CODES} What the worker answers with counts too: 3 NOT_FOUND, 4 PERMISSION_DENIED and UNAUTHENTICATED, 5 DEADLINE_EXCEEDED, 1 any other status.`;

interface BenchFlags extends CallFlags {
  readonly rate?: number;
  readonly concurrency?: number;
  readonly duration?: string;
  readonly calls?: number;
}

/** Of an open loop more than that in flight says that the cluster does not keep up. */
const OPEN_LOOP_IN_FLIGHT_MAX = 1_000;
const CONCURRENCY = 10;
const DURATION_MS = 10_000;

function addBench(program: Command, operator: OperatorCommands, tools: CallTools): void {
  addCalling(
    program,
    "bench <method> [json]",
    "Call a method over and over, and report calls/s, latency and who answered.",
  )
    .option("--rate <number>", "Begin this many calls a second, however slow the answers are (open loop).", positive)
    .option(
      "--concurrency <number>",
      `Calls at once (closed loop; default ${CONCURRENCY}); with --rate at most (default ${OPEN_LOOP_IN_FLIGHT_MAX}).`,
      positive,
    )
    .option("--duration <duration>", "For how long, such as 30s. Default: 10s, or until --calls were made.")
    .option("--calls <number>", "How many calls.", positive)
    .option("--timeout <duration>", "Deadline of each call. Default: 30s, and none for streams.")
    .addHelpText("after", BENCH_HELP)
    .action((target: string, json: string | undefined, flags: BenchFlags, command: Command) => {
      const { rate, calls } = flags;
      const asked = flags.duration === undefined ? undefined : durationOf(command, "--duration", flags.duration);
      const request = {
        ...selectorsOf(flags),
        target,
        data: dataOf(json, flags, command),
        direct: flags.direct === true,
        json: flags.json === true,
        timeoutMs: flags.timeout === undefined ? undefined : durationOf(command, "--timeout", flags.timeout),
        plan: {
          concurrency: flags.concurrency ?? (rate === undefined ? CONCURRENCY : OPEN_LOOP_IN_FLIGHT_MAX),
          perSecond: rate,
          durationMs: asked ?? (calls === undefined ? DURATION_MS : undefined),
          callsMax: calls,
        },
      };
      const action = loadBench().runBench;
      return operator.run(command, flags, (parts) => action(parts, tools, request), modeOf(flags));
    });
}

function positive(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError("Use at least 1.");
  return number;
}

const BENCH_HELP = `
METHOD and JSON are as for heddle call; several JSON texts are the requests of one stream.

  heddle bench ComputeService/Execute '{"task": "echo"}' --concurrency 20 --duration 30s
  heddle bench ComputeService/Execute '{"task": "echo"}' --rate 500 --json

Without --rate each caller waits for its answer before it asks again: that measures how much the cluster can do. With --rate calls
begin by the clock, and latency counts from when a call was due: that measures what callers see who do not wait for each other.
Ctrl-C ends it with the report. The first call, which makes the connections, is not counted. With --json the report goes to
standard error, and one line of JSON to standard output.
${EXIT_CODES} 1 also when every call failed.`;

interface TopFlags extends OperatorFlags {
  readonly once?: true;
  readonly interval: string;
}
/** Asked more often than this, a large cluster has its director busy with answering. */
const INTERVAL_MIN_MS = 200;

function addTop(program: Command, operator: OperatorCommands, tools: CallTools): void {
  operator
    .add(program, "top", "Watch the cluster live: its calls, and every node's state, slots, latency and errors.")
    .option("--interval <duration>", "How often to ask, such as 500ms or 2s; at least 200ms.", "1s")
    .option("--once", "Print the cluster once, after one interval, and end. So does --json.")
    .addHelpText("after", TOP_HELP)
    .action((flags: TopFlags, command: Command) => {
      const intervalMs = durationOf(command, "--interval", flags.interval);
      if (intervalMs < INTERVAL_MIN_MS) {
        command.error(`error: --interval is "${flags.interval}": use at least 200ms`);
      }
      const { json = false, once = false } = flags;
      const options = { json, once, intervalMs, setBy: operator.env["USER"] ?? "" };
      return operator.run(command, flags, (parts) => {
        const openScreen = () => tools.openScreen(parts.terminal.coloured);
        return loadTop().runTop({ ...parts, openScreen }, options);
      });
    });
}

const TOP_HELP = `
Keys: arrows and PgUp/PgDn choose a node, Enter shows all about it, / filters, d drains, c cordons, r resumes it (each asks
first, and names the command that does the same), capital letters sort (C calls/s, L p99, E errors/s, I in flight, P phi,
B age of the last heartbeat, S state, N name), ? lists all keys, q quits.

Rates are of the last five seconds, of the calls through the director that was asked. While no director answers, what was
last seen stays with its age. Where the output is no terminal the cluster is printed once.
${EXIT_CODES}`;
