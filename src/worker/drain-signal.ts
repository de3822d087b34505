import { setMaxListeners } from "node:events";

import { FabricError } from "../core/errors";

/** Tells the worker's own code that it drains, by an AbortSignal; a drain that is cancelled makes room for a new one. */
export class DrainSignal {
  #controller = fresh();

  /** Of the present life: aborted while the worker drains. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  begin(reason: string): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(new FabricError("WORKER_DRAINING", reason));
  }

  end(): void {
    if (this.#controller.signal.aborted) this.#controller = fresh();
  }
}

/** As many calls as run may listen to it, which Node takes for a leak from eleven on. */
function fresh(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
