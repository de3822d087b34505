/** How far one observation moves an estimate, as a factor: 10 % up, or a nineteenth of that down. */
const STEP = 0.1;
/** Before so many observations an estimate says nothing. */
const OBSERVATIONS_MIN = 20;
const METHODS_MAX = 1_024;

/**
 * An estimate of the 95th percentile that is one number: each observation above it moves it up by a step, each below down by so much less
 * that it rests where 5 % are above. Ma, Muthukrishnan, Sandler 2013, "Frugal Streaming for Estimating Quantiles", with steps in
 * proportion, since latencies differ by powers of ten.
 */
class P95 {
  #logMs = -Infinity;
  #count = 0;

  get ms(): number | undefined {
    return this.#count < OBSERVATIONS_MIN ? undefined : Math.exp(this.#logMs);
  }

  observe(latencyMs: number): void {
    const logMs = Math.log(Math.max(latencyMs, 0.01));
    this.#count += 1;
    if (this.#count <= OBSERVATIONS_MIN) this.#logMs = Math.max(this.#logMs, logMs);
    else this.#logMs += logMs > this.#logMs ? STEP * 0.95 : -STEP * 0.05;
  }
}

/** Of the methods that are hedged by it, and of no others: nothing is measured for calls that do not ask. */
export class LatencyQuantiles {
  #byMethod = new Map<string, P95>();

  /** Undefined while too little is known. */
  p95Ms(method: string): number | undefined {
    return this.#byMethod.get(method)?.ms;
  }

  /** @param latencyMs - until the answer began, or, of an attempt that was given up, until then */
  observe(method: string, latencyMs: number): void {
    let known = this.#byMethod.get(method);
    if (known === undefined) {
      if (this.#byMethod.size >= METHODS_MAX) this.#byMethod = new Map();
      this.#byMethod.set(method, (known = new P95()));
    }
    known.observe(latencyMs);
  }
}
