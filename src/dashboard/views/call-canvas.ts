import type { CallHistory, SeenCall } from "../live/calls";
import { situationOf } from "../model/situation";
import type { Worker } from "../model/worker";

/** Of a worker's row. */
export const ROW_PX = 24;
/** What is shown, up to now. */
export const SPAN_MS = 30_000;

const TIME_STEP_MS = 5_000;
const BAR_PX = 14;
/** A call that took no time is seen too. */
const BAR_MIN_PX = 2;

/** Told apart also by those who see few colours (Okabe and Ito). */
const METHOD_COLOURS = ["--method-1", "--method-2", "--method-3", "--method-4", "--method-5", "--method-6"];

/** A colour for each method, by their names, so that it stays the same while they come and go. */
export function methodColours(calls: readonly SeenCall[]): Map<string, string> {
  const methods = [...new Set(calls.map((call) => call.method))].sort();
  return new Map(methods.map((method, index) => [method, METHOD_COLOURS[index % METHOD_COLOURS.length]!]));
}

interface Scene {
  readonly rows: readonly Worker[];
  readonly history: CallHistory;
  /** Of a custom property of the styles. */
  readonly colour: (name: string) => string;
}

export function drawCalls(canvas: HTMLCanvasElement, { rows, history, colour }: Scene): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio;
  const pixels = { width: Math.round(width * scale), height: Math.round(height * scale) };
  // Setting it clears it, and costs more than clearing.
  if (canvas.width !== pixels.width) canvas.width = pixels.width;
  if (canvas.height !== pixels.height) canvas.height = pixels.height;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const namesPx = Math.min(150, width / 3);
  const toUnixMs = history.nowUnixMs();
  const x = (atUnixMs: number) => namesPx + ((atUnixMs - toUnixMs + SPAN_MS) / SPAN_MS) * (width - namesPx - 8);

  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  drawGrid();
  const top = new Map(rows.map((worker, index) => [worker.memberId, (index + 1) * ROW_PX]));
  for (const [index, worker] of rows.entries()) drawName(worker, (index + 1) * ROW_PX);
  const byMethod = methodColours(history.calls);
  for (const call of history.calls) drawBar(call);

  function drawGrid(): void {
    context!.fillStyle = colour("--muted");
    context!.strokeStyle = colour("--line");
    context!.lineWidth = 1;
    for (let age = 0; age <= SPAN_MS; age += TIME_STEP_MS) {
      const at = Math.round(x(toUnixMs - age)) + 0.5;
      context!.beginPath();
      context!.moveTo(at, ROW_PX);
      context!.lineTo(at, height);
      context!.stroke();
      context!.textAlign = age === 0 ? "right" : "center";
      context!.fillText(age === 0 ? "now" : `−${age / 1_000} s`, at, ROW_PX / 2);
    }
    context!.textAlign = "left";
  }

  function drawName(worker: Worker, y: number): void {
    const isGone = situationOf(worker) === "gone";
    context!.fillStyle = colour(isGone ? "--faint" : "--text");
    context!.fillText(clipped(context!, worker.label, namesPx - 24), 16, y + ROW_PX / 2);
    context!.fillStyle = colour("--line");
    context!.fillRect(0, y + ROW_PX - 1, width, 1);
  }

  function drawBar({ method, memberId, startedAtUnixMs, durationMs, status }: SeenCall): void {
    const y = top.get(memberId);
    const end = x(startedAtUnixMs + durationMs);
    if (y === undefined || end < namesPx) return;
    const start = Math.max(namesPx, x(startedAtUnixMs));
    const bar = [start, y + (ROW_PX - BAR_PX) / 2, Math.max(BAR_MIN_PX, end - start), BAR_PX] as const;
    context!.globalAlpha = 0.85;
    context!.fillStyle = colour(status === 0 ? byMethod.get(method)! : "--bad");
    context!.fillRect(...bar);
    context!.globalAlpha = 1;
    // A failed one stands out of the row, also without its colour.
    if (status !== 0) context!.fillRect(start, y + 1, 2, ROW_PX - 2);
  }
}

function clipped(context: CanvasRenderingContext2D, text: string, widthPx: number): string {
  if (context.measureText(text).width <= widthPx) return text;
  let length = text.length - 1;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > widthPx) length -= 1;
  return `${text.slice(0, length)}…`;
}
