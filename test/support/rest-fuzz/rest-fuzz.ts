import fc from "fast-check";

import { createWorker } from "../../../src/api/worker";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { type HttpDirector, httpDirector } from "../http/director";
import type { OpenApi } from "../http/openapi-rules";
import { eventually } from "../processes";
import { AnswerClaims } from "./answer-claims";
import { ClusterState, differ, type State } from "./cluster-state";
import { Exchange, type FuzzAnswer } from "./exchange";
import { fuzzRequest, targetsOf, type FuzzRequest } from "./fuzz-request";

export interface FuzzReport {
  readonly requests: number;
  /** How many answers had each status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** With what to send to see it again. */
  readonly findings: readonly string[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  readonly findingsMax?: number;
}

/** What was made by accepted requests is cleared away that often. */
const TIDY_EVERY = 100;
const FINDINGS_MAX = 20;

/**
 * Asks a director with a worker for everything that its OpenAPI document has, rightly and wrongly, and looks at every answer:
 * no fault of the director (5xx other than those it documents), JSON that its schema allows, security headers, nothing changed by what was
 * refused. The same seed gives the same requests.
 */
export async function fuzzRest({ seed, requests, findingsMax = FINDINGS_MAX }: FuzzOptions): Promise<FuzzReport> {
  // Slow heartbeats, so that nothing expires by itself during the run.
  const http = await httpDirector({ HEDDLE_HEARTBEAT_INTERVAL_MS: "60000" });
  const worker = createWorker({
    env: {},
    logger: SILENT_LOGGER,
    label: "w1",
    listenAddress: "127.0.0.1:0",
    directors: [http.director.address],
  });
  try {
    await worker.start();
    await worker.whenAttached();
    return await new Run(http, seed).all(requests, findingsMax);
  } finally {
    await worker.stop({ graceMs: 0 });
    await http.director.stop({ graceMs: 0 });
  }
}

class Run {
  readonly #http: HttpDirector;
  readonly #seed: number;
  readonly #exchange: Exchange;
  readonly #state: ClusterState;
  readonly #findings: string[] = [];
  readonly #statuses = new Map<number, number>();

  constructor(http: HttpDirector, seed: number) {
    this.#http = http;
    this.#seed = seed;
    this.#exchange = new Exchange(http.port);
    this.#state = new ClusterState(http.url);
  }

  async all(requests: number, findingsMax: number): Promise<FuzzReport> {
    const document = await this.#document();
    const targets = targetsOf(document);
    const claims = new AnswerClaims(document);
    let sent = 0;
    for (; sent < requests && this.#findings.length < findingsMax; sent += 1) {
      if (sent % TIDY_EVERY === 0) await this.#state.tidy();
      const target = targets[sent % targets.length]!;
      const before = await this.#state.read();
      const seed = this.#seed + sent;
      const request = fc.sample(fuzzRequest(target, document, before.ids), { seed, numRuns: 1 })[0]!;
      let answer: FuzzAnswer;
      try {
        answer = await this.#exchange.send(request);
      } catch (error) {
        if (isOurs(error)) continue; // Node's own client does not send it
        this.#found(sent, request, undefined, String(error));
        continue;
      }
      this.#statuses.set(answer.status, (this.#statuses.get(answer.status) ?? 0) + 1);
      const fault = claims.fault(target, answer) ?? (await this.#changed(before, answer));
      if (fault !== undefined) this.#found(sent, request, answer, fault);
      for (const line of this.#http.errors.splice(0)) this.#found(sent, request, answer, `logged: ${line}`);
    }
    const alive = await fetch(`${this.#http.url}/healthz`);
    if (alive.status !== 200) this.#findings.push(`the director is not well: ${alive.status}`);
    this.#exchange.close();
    return { requests: sent, statuses: Object.fromEntries(this.#statuses), findings: this.#findings };
  }

  async #document(): Promise<OpenApi> {
    const read = async () => (await (await fetch(`${this.#http.url}/openapi.json`)).json()) as OpenApi;
    await eventually("the worker's contract is there", async () =>
      Object.keys((await read()).paths).some((path) => path.startsWith("/heddle.compute.")),
    );
    return read();
  }

  /** Whether a request that was refused changed something. */
  async #changed(before: State, { status }: FuzzAnswer): Promise<string | undefined> {
    if (status < 400 || status >= 500 || status === 499) return undefined;
    const after = await this.#state.read();
    return differ(before, after)
      ? `it was refused, and yet the cluster is\n${after.text}\nafter\n${before.text}`
      : undefined;
  }

  #found(at: number, request: FuzzRequest, answer: FuzzAnswer | undefined, fault: string): void {
    const shown = answer === undefined ? "no answer" : `${answer.status} ${answer.type} ${answer.body.slice(0, 300)}`;
    this.#findings.push(
      `request ${at} of SEED=${this.#seed}: ${fault.slice(0, 1_500)}\n  ${asCurl(request)}\n  ${shown}`,
    );
  }
}

function isOurs(error: unknown): boolean {
  return /ERR_UNESCAPED_CHARACTERS|ERR_INVALID_CHAR/.test(String((error as NodeJS.ErrnoException).code));
}

const SHOWN_MAX = 600;

function asCurl({ method, path, headers, body }: FuzzRequest): string {
  const options = Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value.slice(0, 60)}`)}`);
  const data = body === undefined ? "" : ` -d ${quoted(body.slice(0, SHOWN_MAX))}`;
  return `curl -X ${method} ${options.join(" ")}${data} ${quoted(path.slice(0, SHOWN_MAX))}`;
}

function quoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}
