/** More would only delay the return: at 16 an endpoint already gets a seventeenth of the calls. */
const CHARGE_MAX = 16;
/** Below this the endpoint counts as recovered. From the maximum it is reached after 8.3 half-lives. */
const CHARGE_FLOOR = 0.05;

/**
 * What an endpoint is charged for failing. A worker that fails in 1 ms looks idle and fast to every policy and would attract
 * the calls it breaks; the charge makes it look loaded instead. Each failure adds 1, each success halves the charge, and it
 * halves by itself every `halfLifeMs`, so a recovered worker is tried again even if nobody dared to.
 */
export class FailureCharge {
  readonly #halfLifeMs: number;
  #charge = 0;
  #atMs = 0;

  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs;
  }

  /** 0 (nothing charged) to 16. */
  at(nowMs: number): number {
    if (this.#charge === 0) return 0;
    const charge = this.#charge * 2 ** (-(nowMs - this.#atMs) / this.#halfLifeMs);
    return charge < CHARGE_FLOOR ? 0 : charge;
  }

  fail(nowMs: number): void {
    this.#set(Math.min(CHARGE_MAX, this.at(nowMs) + 1), nowMs);
  }

  succeed(nowMs: number): void {
    if (this.#charge > 0) this.#set(this.at(nowMs) / 2, nowMs);
  }

  reset(): void {
    this.#charge = 0;
  }

  #set(charge: number, nowMs: number): void {
    this.#charge = charge < CHARGE_FLOOR ? 0 : charge;
    this.#atMs = nowMs;
  }
}
