import { FabricError } from "../core/errors";
import { Status } from "../core/status";
import { DrainMeasure, DrainPhase, type DrainMemberResponse } from "../wire/contract";
import { intentKindFromWire } from "../wire/member-codec";
import { formatDuration } from "./duration";
import { enumWords } from "./enum-words";
import type { Operator, OperatorParts } from "./operator";
import { resolveNode } from "./resolve-id";
import { CommandError, EXIT, paint, type Terminal } from "./terminal";

export interface DrainOptions {
  /** Or a beginning of the id that no other has. */
  readonly node: string;
  readonly reason: string;
  readonly setBy: string;
  /** 0 for none; `undefined` leaves a drain that runs as it is. */
  readonly deadlineMs: number | undefined;
  readonly force: boolean | undefined;
  readonly maintenance: boolean;
  readonly detach: boolean;
  readonly json: boolean;
}

/** Ctrl-C ends the command and not the drain. */
export type DrainParts = Pick<OperatorParts, "operator" | "terminal" | "timeoutMs" | "clock" | "interrupted">;

/** Between two attempts to find a director again, and until it is given up. */
const AGAIN_MS = 500;
const GIVE_UP_MS = 60_000;

const ENDINGS: ReadonlySet<DrainPhase> = new Set([
  DrainPhase.COMPLETE,
  DrainPhase.CANCELLED,
  DrainPhase.LEFT,
  DrainPhase.LOST,
]);

/** `heddle nodes drain`: begins a drain, or finds the one that runs, and watches it to its end. */
export async function drainNode(parts: DrainParts, options: DrainOptions): Promise<number> {
  const { operator, terminal, clock, interrupted } = parts;
  const memberId = await resolveNode(parts, options.node);
  const { reason, setBy, deadlineMs, force, maintenance } = options;
  const order = { memberId, reason, setBy, deadlineMs, force, maintenance };
  let last: DrainMemberResponse | undefined;
  let lastMs = clock.monotonicMs();
  for (;;) {
    try {
      // Once it runs it is only watched: what was ordered meanwhile by someone else stays.
      const request = last === undefined ? order : { memberId, watchOnly: true };
      for await (const progress of watch(operator, request, interrupted)) {
        if (last === undefined) begun(terminal, progress, options);
        last = progress;
        lastMs = clock.monotonicMs();
        terminal.out(options.json ? JSON.stringify(plainProgress(progress)) : line(terminal, progress));
        if (ENDINGS.has(progress.phase)) return ended(terminal, progress, options);
        if (options.detach) return EXIT.ok;
      }
    } catch (error) {
      if (interrupted.aborted) return stoppedWatching(terminal, memberId);
      if (last === undefined || !isPassing(error) || clock.monotonicMs() - lastMs > GIVE_UP_MS) throw error;
      terminal.err(`${error.message}; asking again`);
    }
    if (interrupted.aborted) return stoppedWatching(terminal, memberId);
    await clock.sleep(AGAIN_MS, interrupted).catch(() => {});
  }
}

function watch(operator: Operator, request: Parameters<Operator["drainMember"]>[0], signal: AbortSignal) {
  return operator.drainMember(request, { signal });
}

function isPassing(error: unknown): error is FabricError {
  return error instanceof FabricError && error.status === Status.UNAVAILABLE;
}

function begun(terminal: Terminal, progress: DrainMemberResponse, { detach, json }: DrainOptions): void {
  if (json) return;
  const { memberId, reason, setBy, deadlineUnixMs, startedAtUnixMs, force } = progress;
  const after = force ? "calls that go on after it are ended" : "calls may go on after it";
  const lengthMs = Number(deadlineUnixMs - startedAtUnixMs);
  const deadline =
    deadlineUnixMs === 0n ? "no deadline" : `deadline ${formatDuration(lengthMs)} from its start, ${after}`;
  const author = `${setBy && ` by ${setBy}`}${reason && `: ${reason}`}`;
  terminal.err(`drain of ${memberId}${author} (${deadline})`);
  if (!detach) terminal.err("Ctrl-C stops watching, not the drain.");
  terminal.err(`Cancel it: heddle nodes resume ${memberId}`);
}

function ended(terminal: Terminal, progress: DrainMemberResponse, { json }: DrainOptions): number {
  const { phase, memberId, measuredBy, intent } = progress;
  if (phase === DrainPhase.LOST) {
    throw new CommandError(EXIT.failed, `${memberId} was lost before the drain was complete`, "heddle nodes ls");
  }
  if (phase === DrainPhase.CANCELLED) {
    const now = intentKindFromWire(intent) ?? "unknown";
    const message = `the drain of ${memberId} was cancelled; its intent is ${now}`;
    throw new CommandError(EXIT.failed, message, `heddle nodes drain ${memberId}`);
  }
  if (!json && phase === DrainPhase.COMPLETE && measuredBy === DrainMeasure.DIRECTOR) {
    terminal.err("Counted at this director only: the node has no worker of ours that counts its calls.");
  }
  if (!json && phase === DrainPhase.COMPLETE) {
    terminal.err(`${memberId} may be stopped now. It stays drained until: heddle nodes resume ${memberId}`);
  }
  return EXIT.ok;
}

function stoppedWatching(terminal: Terminal, memberId: string): number {
  terminal.err("Stopped watching; the drain goes on.");
  terminal.err(`Watch it again: heddle nodes drain ${memberId}`);
  return EXIT.interrupted;
}

/** "  12s  finishing, 3 calls in flight, 29m48s left". */
function line(
  terminal: Terminal,
  { phase, inFlight, detail, elapsedMs, deadlineUnixMs, ...rest }: DrainMemberResponse,
) {
  const calls = `${inFlight} ${inFlight === 1 ? "call" : "calls"} in flight`;
  const leftMs = Number(deadlineUnixMs) - Number(rest.startedAtUnixMs) - Number(elapsedMs);
  const left = deadlineUnixMs === 0n || leftMs <= 0 ? "" : `, ${formatDuration(leftMs)} left`;
  const words = phaseWord(phase).replaceAll("-", " ");
  const seconds = formatDuration(Math.floor(Number(elapsedMs) / 1_000) * 1_000).padStart(6);
  const start = `${paint(terminal, "dim", seconds)}  `;
  switch (phase) {
    case DrainPhase.COMPLETE:
      return start + paint(terminal, "green", "complete: no call in flight");
    case DrainPhase.CANCELLED:
    case DrainPhase.LEFT:
    case DrainPhase.LOST:
      return start + paint(terminal, "yellow", `${words}: ${detail}`);
    case DrainPhase.DEADLINE_PASSED:
      return start + paint(terminal, "yellow", `deadline passed, ${calls}: ${detail}`);
    default:
      return `${start}${words}, ${calls}${left}${detail && ` (${detail})`}`;
  }
}

const phaseWord = enumWords(DrainPhase);

/** A message as `--json` shows it, one a line. Keys stay as they are; new ones may come. */
function plainProgress(progress: DrainMemberResponse) {
  const { memberId, phase, inFlight, measuredBy, elapsedMs, startedAtUnixMs, deadlineUnixMs } = progress;
  const { force, reason, setBy, intent, detail } = progress;
  return {
    id: memberId,
    phase: phaseWord(phase),
    inFlight,
    measuredBy: measuredBy === DrainMeasure.WORKER ? "worker" : "director",
    elapsedMs: Number(elapsedMs),
    startedAtUnixMs: Number(startedAtUnixMs),
    deadlineUnixMs: Number(deadlineUnixMs),
    force,
    reason,
    setBy,
    intent: intentKindFromWire(intent) ?? "unknown",
    detail,
  };
}
