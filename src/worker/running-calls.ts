import type { AdmittedCall } from "./admitted-call";

/**
 * The calls that run, each linked to the ones begun before and after it. Not a `Set`: one that objects go through keeps them, in tables that V8 has
 * replaced, until a full collection, and a worker has thousands a second (http2/open-streams.ts says more).
 */
export class RunningCalls {
  #latest: AdmittedCall | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(call: AdmittedCall): void {
    call.before = this.#latest;
    if (this.#latest !== undefined) this.#latest.after = call;
    this.#latest = call;
    this.#count += 1;
  }

  /** Once for each that was added. */
  remove(call: AdmittedCall): void {
    const { before, after } = call;
    if (before !== undefined) before.after = after;
    if (after !== undefined) after.before = before;
    else this.#latest = before;
    call.before = undefined;
    call.after = undefined;
    this.#count -= 1;
  }

  all(): AdmittedCall[] {
    const calls: AdmittedCall[] = [];
    for (let call = this.#latest; call !== undefined; call = call.before) calls.push(call);
    return calls;
  }
}
