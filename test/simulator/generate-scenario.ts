import type { ClientMode } from "../../src/client/fabric-client";
import { INTENT_KINDS } from "../../src/core/member";
import { seededRandom, type Random } from "../../src/core/random";
import type { Action, Scenario, Step, StoreFault } from "./scenario";

const WARM_UP_MS = 4_000;
const MODES: readonly ClientMode[] = ["direct", "proxy", "auto"];
const POLICIES = ["round-robin", "least-connections", "random", "consistent-hash", "peak-ewma"];
const STORE_FAULTS: readonly StoreFault[] = ["refused", "requests-held", "answers-held", "silent", "flaky", "slow"];

/** Of faults; see `#fault`. */
const KINDS = 18;
/** Which kinds a theme has: processes, the ways between them, the store, directors, stops that are planned, what meets badly. */
const THEMES: readonly (readonly number[])[] = [
  [0, 1, 4, 5, 6],
  [7, 8, 9, 14],
  [10, 10, 11, 13],
  [2, 4, 5, 7, 10, 12],
  [4],
  [15, 16, 17],
];

/** In whose runs nothing else fails. */
const PLANNED_THEME = 4;

/** What a seed stands for. Another version of this makes other scenarios of the same seeds; those that matter are kept as data. */
export function generateScenario(seed: number): Scenario {
  return new Generator(seed).make();
}

class Generator {
  readonly #seed: number;
  readonly #random: Random;
  readonly #steps: Step[] = [];
  readonly #gone: string[] = [];
  readonly #directors: readonly string[];
  readonly #workers: readonly { readonly name: string; readonly slots: number }[];
  readonly #clients: readonly { readonly name: string; readonly mode: ClientMode }[];
  readonly #activeMs: number;

  constructor(seed: number) {
    const random = seededRandom(seed * 2_654_435_761);
    this.#seed = seed;
    this.#random = random;
    this.#directors = names("director-", 1 + random.below(3));
    // The first has no bound, and no operator touches it: so that there is one who can take what others may not.
    this.#workers = names("w", 2 + random.below(5)).map((name, index) => ({
      name,
      slots: index === 0 || random.below(2) === 0 ? 0 : 1 + random.below(3),
    }));
    this.#clients = names("client-", 1 + random.below(3)).map((name) => ({ name, mode: this.#oneOf(MODES) }));
    this.#theme = random.below(THEMES.length);
    this.#activeMs = WARM_UP_MS + 12_000 + random.below(14_000);
  }

  /** Most faults of a run are of one kind, so that they meet. */
  readonly #theme: number;

  make(): Scenario {
    this.#calls();
    this.#streams();
    this.#operators();
    const faults = this.#random.below(10) === 0 ? 0 : 1 + this.#random.below(5);
    for (let fault = 0; fault < faults; fault += 1) this.#fault();
    return {
      seed: this.#seed,
      directors: this.#directors,
      workers: this.#workers,
      clients: this.#clients,
      steps: this.#steps
        .map((step, index) => ({ step, index }))
        .sort((a, b) => a.step.atMs - b.step.atMs || a.index - b.index)
        .map(({ step }) => step)
        .filter((step) => step.do !== "start" || !this.#gone.includes(step.host)),
      gone: this.#gone,
      activeMs: this.#activeMs,
    };
  }

  #calls(): void {
    const everyMs = 100 + this.#random.below(400);
    for (let atMs = 2_000; atMs < this.#activeMs; atMs += 1 + this.#random.below(2 * everyMs)) {
      const random = this.#random;
      const action: Action = {
        do: "call",
        client: this.#oneOf(this.#clients).name,
        method: random.below(2) === 0 ? "work" : "book",
        takesMs: random.below(random.below(4) === 0 ? 3_000 : 300),
        timeoutMs: random.below(5) === 0 ? 200 + random.below(1_000) : 10_000,
        ...(random.below(12) === 0 ? { cancelAfterMs: random.below(500) } : {}),
      };
      this.#add(atMs, action);
    }
  }

  #streams(): void {
    for (let count = this.#random.below(4); count > 0; count -= 1) {
      const client = this.#oneOf(this.#clients).name;
      const atMs = this.#moment();
      const tokens = 10 + this.#random.below(60);
      if (this.#random.below(3) > 0) {
        this.#add(atMs, { do: "generate", client, tokens, intervalMs: 50 + this.#random.below(200) });
      } else {
        this.#add(atMs, { do: "assigned-stream", client, director: this.#oneOf(this.#directors), tokens });
      }
    }
  }

  #operators(): void {
    const random = this.#random;
    for (let count = random.below(5); count > 0; count -= 1) {
      const holdMs = random.below(4_000);
      const release = random.below(3) > 0;
      this.#add(this.#moment(), { do: "assign", director: this.#oneOf(this.#directors), holdMs, release });
    }
    const touchable = this.#workers.slice(1);
    for (let count = random.below(4); count > 0; count -= 1) {
      const worker = this.#oneOf(touchable).name;
      const atMs = this.#moment();
      this.#add(atMs, {
        do: "intent",
        director: this.#oneOf(this.#directors),
        worker,
        kind: this.#oneOf(INTENT_KINDS),
      });
      if (random.below(3) === 0) continue;
      const director = this.#oneOf(this.#directors);
      this.#add(this.#later(atMs, 6_000), { do: "intent", director, worker, kind: "serving" });
    }
    if (random.below(4) === 0) {
      this.#add(this.#moment(), {
        do: "policy",
        director: this.#oneOf(this.#directors),
        policy: this.#oneOf(POLICIES),
      });
    }
    for (let count = random.below(3); count > 0 && this.#directors.length > 1; count -= 1) {
      // Asked of all: whoever does not lead refuses.
      const atMs = this.#moment();
      const to = this.#oneOf(this.#directors);
      for (const from of this.#directors) if (from !== to) this.#add(atMs, { do: "transfer", from, to });
    }
  }

  #fault(): void {
    const random = this.#random;
    const atMs = this.#moment();
    const untilMs = this.#later(atMs, random.below(3) === 0 ? 14_000 : 5_000);
    const director = this.#oneOf(this.#directors);
    const worker = this.#oneOf(this.#workers).name;
    const kinds = random.below(3) > 0 || this.#theme === PLANNED_THEME ? THEMES[this.#theme] : undefined;
    switch (kinds ? this.#oneOf(kinds) : random.below(KINDS)) {
      case 0:
      case 1:
        return this.#downAndUp("crash", worker, atMs, untilMs);
      case 2:
        return this.#downAndUp("crash", director, atMs, untilMs);
      case 3:
        return this.#downAndUp("crash", this.#oneOf(this.#clients).name, atMs, untilMs);
      case 4:
        return this.#downAndUp("stop", random.below(3) === 0 ? director : worker, atMs, untilMs);
      case 5:
      case 6: {
        const host = this.#oneOf([director, worker, worker, this.#oneOf(this.#clients).name]);
        this.#add(atMs, { do: "freeze", host });
        return this.#add(untilMs, { do: "thaw", host });
      }
      case 7:
      case 8:
        return this.#partition(atMs, untilMs);
      case 9: {
        const [from, to] = this.#pair();
        return this.#add(atMs, { do: "cut", from, to });
      }
      case 10: {
        const healMs = this.#later(atMs, 14_000);
        const fault = this.#oneOf(STORE_FAULTS);
        const whom = random.below(3) === 0 ? this.#directors : [director];
        for (const one of whom) this.#add(atMs, { do: "store-fault", director: one, fault });
        for (const one of whom) this.#add(healMs, { do: "store-heal", director: one });
        return;
      }
      case 11:
        return this.#add(atMs, { do: "lease-loss", director });
      case 12:
        return this.#add(atMs, {
          do: "step-wall",
          host: this.#oneOf([director, worker]),
          byMs: random.below(1_200_000) - 600_000,
        });
      case 13:
        return this.#add(atMs, {
          do: "drift",
          host: this.#oneOf([director, worker]),
          ratio: (random.below(40) - 20) / 1_000,
        });
      case 14:
        return this.#degrade(atMs, untilMs);
      case 15:
        return this.#impatientStop(worker);
      case 16:
        return this.#storeAwayDuringJoins();
      default:
        return this.#outOfReach(worker);
    }
  }

  /** A worker that is to stop, is killed before it is done, and comes back at once. */
  #impatientStop(worker: string): void {
    const atMs = WARM_UP_MS + this.#random.below(6_000);
    const killMs = this.#later(atMs, 1_500);
    this.#add(atMs, { do: "stop", host: worker });
    this.#add(killMs, { do: "crash", host: worker, silently: this.#random.below(2) === 0 });
    this.#add(this.#later(killMs, 1_000), { do: "start", host: worker });
  }

  /**
   * The store fails for a director while one of its workers is started anew and intents are lifted elsewhere; later that worker loses
   * its way to the director, and moves.
   */
  #storeAwayDuringJoins(): void {
    const random = this.#random;
    if (random.below(3) === 0) return this.#storeAwayDuringFarewell();
    const index = random.below(this.#workers.length);
    const { name: worker } = this.#workers[index]!;
    const director = this.#directors[(index + 1) % this.#directors.length]!;
    const other = this.#directors[(index + 2) % this.#directors.length]!;
    const atMs = WARM_UP_MS + random.below(3_000);
    const kept = this.#oneOf(this.#workers.slice(1)).name;
    const fault = this.#oneOf<StoreFault>(["refused", "refused", "flaky", "slow", "answers-held"]);
    this.#add(atMs - 500, { do: "intent", director: other, worker: kept, kind: "cordoned" });
    this.#add(atMs, { do: "store-fault", director, fault });
    const crashMs = atMs + random.below(1_000);
    this.#add(crashMs, { do: "crash", host: worker, silently: random.below(3) === 0 });
    const startMs = crashMs + 50 + random.below(1_500);
    this.#add(startMs, { do: "start", host: worker });
    this.#add(atMs + 1_000 + random.below(1_000), { do: "intent", director: other, worker: kept, kind: "serving" });
    const healMs = startMs + 200 + random.below(2_500);
    this.#add(healMs, { do: "store-heal", director });
    if (random.below(2) === 0) return;
    const blockMs = healMs + 1_500 + random.below(1_500);
    if (random.below(2) === 0) this.#add(blockMs, { do: "store-fault", director, fault: "slow" });
    for (const [from, to] of [
      [director, worker],
      [worker, director],
    ] as const) {
      this.#add(blockMs, { do: "block", from, to });
      this.#add(this.#activeMs, { do: "unblock", from, to });
    }
  }

  /** A worker stops for good, and is forgotten while a director that is not its own does not see the store. */
  #storeAwayDuringFarewell(): void {
    const index = 1 + this.#random.below(this.#workers.length - 1);
    const { name: host } = this.#workers[index]!;
    this.#gone.push(host);
    this.#add(WARM_UP_MS, { do: "stop", host });
    const director = this.#directors[(index + 2) % this.#directors.length]!;
    this.#add(WARM_UP_MS + 8_500, { do: "store-fault", director, fault: "refused" });
    this.#add(this.#activeMs, { do: "store-heal", director });
  }

  /** A worker that nobody reaches, or that stands still, for so long that it is judged dead although it lives. */
  #outOfReach(worker: string): void {
    const atMs = WARM_UP_MS + this.#random.below(1_000);
    if (this.#random.below(2) === 0) {
      this.#add(atMs, { do: "freeze", host: worker });
      return this.#add(this.#activeMs, { do: "thaw", host: worker });
    }
    for (const other of [...this.#directors, ...this.#workers.map(({ name }) => name)]) {
      if (other === worker) continue;
      for (const [from, to] of [
        [other, worker],
        [worker, other],
      ] as const) {
        this.#add(atMs, { do: "block", from, to });
        this.#add(this.#activeMs, { do: "unblock", from, to });
      }
    }
  }

  #degrade(atMs: number, untilMs: number): void {
    const random = this.#random;
    const good = { dropRatio: 0, resetRatio: 0, loseAnswerRatio: 0, delayMaxMs: 3 };
    const bad = this.#oneOf([
      { dropRatio: random.below(30) / 100 },
      { resetRatio: random.below(30) / 1_000 },
      { loseAnswerRatio: random.below(50) / 100 },
      { delayMaxMs: 10 + random.below(400) },
    ]);
    this.#add(atMs, { do: "degrade", ...good, ...bad });
    this.#add(untilMs, { do: "degrade", ...good });
  }

  #downAndUp(how: "crash" | "stop", host: string, atMs: number, untilMs: number): void {
    const mayGo = how === "crash" && this.#workers.slice(1).some(({ name }) => name === host);
    if (mayGo && this.#random.below(3) === 0) {
      this.#gone.push(host);
      return this.#add(WARM_UP_MS + this.#random.below(6_000), {
        do: "crash",
        host,
        silently: this.#random.below(2) === 0,
      });
    }
    if (how === "stop") this.#add(atMs, { do: how, host });
    else this.#add(atMs, { do: how, host, silently: this.#random.below(4) === 0 });
    this.#add(untilMs, { do: "start", host });
  }

  #partition(atMs: number, untilMs: number): void {
    const [from, to] = this.#pair();
    const ways = this.#random.below(2) === 0 ? [[from, to] as const] : [[from, to] as const, [to, from] as const];
    for (const [a, b] of ways) this.#add(atMs, { do: "block", from: a, to: b });
    if (this.#random.below(3) === 0) this.#add(atMs, { do: "cut", from, to });
    for (const [a, b] of ways) this.#add(untilMs, { do: "unblock", from: a, to: b });
  }

  /** Two who have something to say to each other. */
  #pair(): readonly [string, string] {
    const director = this.#oneOf(this.#directors);
    const worker = this.#oneOf(this.#workers).name;
    const client = this.#oneOf(this.#clients).name;
    return this.#oneOf([
      [director, worker],
      [worker, director],
      [director, worker],
      [worker, director],
      [client, director],
      [director, client],
      [client, worker],
    ] as const);
  }

  #moment(): number {
    return WARM_UP_MS + this.#random.below(this.#activeMs - WARM_UP_MS);
  }

  #later(atMs: number, maxMs: number): number {
    return Math.min(this.#activeMs, atMs + 50 + this.#random.below(maxMs));
  }

  #oneOf<T>(all: readonly T[]): T {
    return all[this.#random.below(all.length)]!;
  }

  #add(atMs: number, action: Action): void {
    this.#steps.push({ atMs, ...action });
  }
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}
