import { messageOf } from "../../core/errors";
import { intentKindToWire } from "../../wire/member-codec";
import type { OperatorParts } from "../operator";
import type { Screen } from "../screen";
import { plainLine } from "../styled-text";
import { EXIT } from "../terminal";
import { readSample } from "./sample";
import { chosenRows, INITIAL_STATE, press, type Order, type TopState } from "./state";
import { SampleWindow, topData, type TopData } from "./top-data";
import { pageHeight, renderTop, twinOf, type Freshness } from "./view";

export interface TopParts extends OperatorParts {
  /** Undefined where standard output or input is no terminal. */
  openScreen(): Screen | undefined;
}

export interface TopOptions {
  readonly once: boolean;
  readonly json: boolean;
  /** Between two questions to the director. */
  readonly intervalMs: number;
  /** Who acts. */
  readonly setBy: string;
}

/** For one answer: beyond it what is shown is old. */
const ANSWER_TIMEOUT_MS = 2_000;

/** `heddle top`: the cluster as it is, again and again, until the person leaves. */
export async function runTop(parts: TopParts, options: TopOptions): Promise<number> {
  if (options.once || options.json) return await printOnce(parts, options);
  const screen = parts.openScreen();
  if (!screen) {
    parts.terminal.err("This is no terminal, so here is the cluster once; --once says the same without this line.");
    return await printOnce(parts, options);
  }
  const live = new LiveTop(parts, options, screen);
  try {
    await live.run();
  } finally {
    screen.close();
  }
  return parts.interrupted.aborted ? EXIT.interrupted : EXIT.ok;
}

/** Two samples, because rates are differences. */
async function printOnce(parts: TopParts, { json, intervalMs }: TopOptions): Promise<number> {
  const { operator, terminal, clock, interrupted, timeoutMs } = parts;
  const first = await readSample(operator, clock, { timeoutMs });
  await clock.sleep(intervalMs, interrupted).catch(() => {});
  if (interrupted.aborted) return EXIT.interrupted;
  const data = topData(await readSample(operator, clock, { timeoutMs }), first);
  if (json) {
    terminal.out(JSON.stringify(plainData(data), undefined, 2));
    return EXIT.ok;
  }
  // Header, head and rows: all nodes, however many lines that takes, and neither status nor keys.
  const size = { columns: 160, rows: data.rows.length + 7 };
  const lines = renderTop(data, INITIAL_STATE, { ageMs: 0, failure: "" }, size).slice(0, -1).map(plainLine);
  for (const line of lines) if (line !== "") terminal.out(line);
  return EXIT.ok;
}

class LiveTop {
  readonly #parts: TopParts;
  readonly #options: TopOptions;
  readonly #screen: Screen;
  readonly #window = new SampleWindow();
  readonly #quit = new AbortController();
  readonly #over: AbortSignal;
  #state: TopState = INITIAL_STATE;
  #data: TopData | undefined;
  #failure = "";

  constructor(parts: TopParts, options: TopOptions, screen: Screen) {
    this.#parts = parts;
    this.#options = options;
    this.#screen = screen;
    this.#over = AbortSignal.any([parts.interrupted, this.#quit.signal]);
  }

  /** Resolves when the person leaves. */
  async run(): Promise<void> {
    const { clock } = this.#parts;
    this.#screen.onResize(() => this.#draw());
    this.#screen.onKey((key) => this.#press(key));
    this.#draw();
    const over = aborted(this.#over);
    while (!this.#over.aborted) {
      const startedMs = clock.monotonicMs();
      await Promise.race([this.#refresh(), over]);
      if (this.#over.aborted) return;
      this.#draw();
      const spentMs = clock.monotonicMs() - startedMs;
      await clock.sleep(Math.max(50, this.#options.intervalMs - spentMs), this.#over).catch(() => {});
    }
  }

  async #refresh(): Promise<void> {
    const { operator, clock } = this.#parts;
    try {
      // Only a client that has just begun is still connecting; later it should be seen at once that nobody is there.
      const options = { timeoutMs: ANSWER_TIMEOUT_MS, ...(this.#data ? { waitForReady: false } : {}) };
      this.#window.add(await readSample(operator, clock, options));
      this.#data = this.#window.data();
      this.#failure = "";
    } catch (error) {
      this.#failure = messageOf(error);
    }
  }

  #press(key: string): void {
    const rows = this.#data ? chosenRows(this.#data.rows, this.#state) : [];
    const { state, order, quit } = press(this.#state, key, rows, pageHeight(this.#screen.size()));
    this.#state = state;
    if (quit) this.#quit.abort();
    else this.#draw();
    if (order) void this.#carryOut(order);
  }

  async #carryOut(order: Order): Promise<void> {
    let notice: string;
    try {
      await this.#send(order);
      notice = `done: ${twinOf(order)}`;
    } catch (error) {
      notice = `not done: ${messageOf(error)}. The same by hand: ${twinOf(order)}`;
    }
    this.#state = { ...this.#state, notice };
    if (this.#over.aborted) return;
    await this.#refresh();
    if (!this.#over.aborted) this.#draw();
  }

  async #send({ action, nodeId: memberId }: Order): Promise<void> {
    const { operator, timeoutMs } = this.#parts;
    const { setBy } = this.#options;
    const options = { timeoutMs };
    if (action === "drain") {
      // The drain is durable at the first message; it goes on when nobody watches.
      for await (const _progress of operator.drainMember({ memberId, setBy }, options)) return;
      return;
    }
    const kind = intentKindToWire(action === "cordon" ? "cordoned" : "serving");
    await operator.setIntent({ memberId, kind, setBy, reason: "" }, options);
  }

  #draw(): void {
    if (this.#over.aborted) return;
    this.#screen.draw(renderTop(this.#data, this.#state, this.#freshness(), this.#screen.size()));
  }

  #freshness(): Freshness {
    const newest = this.#window.newest;
    const ageMs = newest && this.#parts.clock.monotonicMs() - newest.atMs;
    return { ageMs, failure: this.#failure };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** As `--json` shows it. Keys stay as they are; new ones may come. */
function plainData({ sample, rows, readyNodes, callsPerSecond, failuresPerSecond, p50Ms, p99Ms }: TopData) {
  const { clusterName, director, directors, leaderId, health, problems, policy, inFlight, queued } = sample;
  return {
    cluster: clusterName,
    director: director.id,
    leader: leaderId,
    directors,
    health,
    problems,
    policy,
    readyNodes,
    callsPerSecond,
    failuresPerSecond,
    inFlight,
    queued,
    p50Ms,
    p99Ms,
    nodes: rows.map((row) => ({
      id: row.id,
      label: row.label,
      address: row.address,
      condition: row.condition,
      state: row.state,
      intent: row.intent,
      ready: row.ready,
      notReadyReason: row.notReadyReason,
      slots: row.slots,
      inFlight: row.inFlight,
      callsPerSecond: row.callsPerSecond,
      failuresPerSecond: row.failuresPerSecond,
      p50Ms: row.p50Ms,
      p99Ms: row.p99Ms,
      phi: row.phi,
      heartbeatAgeMs: row.heartbeatAgeMs,
      home: row.home,
    })),
  };
}
