import { SingleBar } from "cli-progress";
import { asFabricError, messageOf } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import type { CallTools } from "../call-tools";
import { callerOf, encodeRequest } from "../call/call-method";
import { CallContracts, type CallMethod } from "../call/contract";
import { jsonTexts } from "../call/json-texts";
import { inputOf } from "../call/run-call";
import { metadataOf, type CallSelectors } from "../call/selectors";
import { resolveNode } from "../resolve-id";
import type { OperatorParts } from "../operator";
import { count, latency, rate } from "../top/figures";
import { CommandError, EXIT } from "../terminal";
import { BenchLoad, type CallOutcome, type LoadPlan } from "./bench-load";
import { plainReport, reportLines } from "./bench-report";

export interface BenchRequest extends CallSelectors {
  readonly target: string;
  readonly data: string | undefined;
  readonly direct: boolean;
  readonly json: boolean;
  /** Of each call; undefined: the client's default. */
  readonly timeoutMs: number | undefined;
  readonly plan: LoadPlan;
}

/** Between two looks at how far it is. */
const PROGRESS_MS = 250;

/** `heddle bench`. */
export async function runBench(parts: OperatorParts, tools: CallTools, request: BenchRequest): Promise<number> {
  const { terminal, clock, interrupted } = parts;
  const contracts = new CallContracts(parts);
  let method: CallMethod;
  try {
    method = await contracts.method(request.target);
  } finally {
    contracts.close();
  }
  const worker = request.worker === undefined ? undefined : await resolveNode(parts, request.worker);
  const call = await callOf(parts, tools, method, { ...request, worker });
  // Connections are made, and code is compiled, by a call that does not count.
  await call(interrupted);
  const load = new BenchLoad({ clock, interrupted, call }, request.plan);
  const shown = tools.outputIsTerminal && !request.json ? showProgress(load, parts) : undefined;
  try {
    await load.run();
  } finally {
    shown?.();
  }
  const { service, name, responseStream } = method;
  const subject = { method: `${service}/${name}`, direct: request.direct, responseStream, plan: request.plan };
  for (const line of reportLines(terminal, subject, load)) (request.json ? terminal.err : terminal.out)(line);
  if (request.json) terminal.out(JSON.stringify(plainReport(subject, load)));
  if (interrupted.aborted) return EXIT.interrupted;
  return load.calls > load.failed ? EXIT.ok : EXIT.failed;
}

/** What makes one call; requests are read and encoded once. */
async function callOf(
  { fabric }: OperatorParts,
  tools: CallTools,
  method: CallMethod,
  request: BenchRequest,
): Promise<(signal: AbortSignal) => Promise<CallOutcome>> {
  const requests: Uint8Array[] = [];
  for await (const text of jsonTexts(await inputOf(request.data ?? "{}", method, tools))) {
    requests.push(encodeRequest(method, text));
  }
  if (requests.length === 0) requests.push(encodeRequest(method, "{}"));
  if (!method.requestStream && requests.length > 1) {
    const what = `${method.service}/${method.name} takes one request, and there are ${requests.length}`;
    throw new CommandError(EXIT.usage, what, `heddle call ${method.service}/${method.name} --describe`);
  }
  const caller = callerOf(fabric, method);
  const metadata = metadataOf(request);
  const { timeoutMs } = request;
  return async (signal) => {
    let worker = "";
    let answers = 0;
    const options = {
      metadata,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onTrailers: (trailers: typeof metadata) => (worker = trailers.text(HEDDLE_KEYS.worker) ?? ""),
    };
    try {
      for await (const _ of caller(method.requestStream ? streamed(requests) : requests[0]!, options)) answers += 1;
      return { failure: "", message: "", worker, answers };
    } catch (error) {
      const { code, statusName } = asFabricError(error, "REMOTE");
      const failure = code === "REMOTE" || code === statusName ? statusName : `${statusName} ${code}`;
      return { failure, message: messageOf(error).replace(/^\[REMOTE\] /, ""), worker, answers };
    }
  };
}

async function* streamed(requests: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* requests;
}

/** A bar beside the results. The function ends it. */
function showProgress(load: BenchLoad, { clock, interrupted }: OperatorParts): () => void {
  const bar = new SingleBar({
    format: "{bar} {percentage}%  {elapsed}  {calls} calls  {pace} calls/s  p99 {p99}  {failed} failed",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    clearOnComplete: true,
    hideCursor: false,
    stopOnComplete: false,
    gracefulExit: false,
  });
  const figures = () => ({
    elapsed: `${(load.elapsedMs / 1_000).toFixed(0)}s`,
    calls: count(load.calls),
    pace: rate((load.calls * 1_000) / Math.max(1, load.elapsedMs)),
    p99: latency(load.latency.quantileMs(0.99)),
    failed: count(load.failed),
  });
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, interrupted]);
  const follow = async () => {
    while (!over.aborted) {
      await clock.sleep(PROGRESS_MS, over).catch(() => {});
      if (!over.aborted) bar.update(Math.floor(load.progress * 100), figures());
    }
  };
  bar.start(100, 0, figures());
  void follow();
  return () => {
    ended.abort();
    bar.stop();
  };
}
