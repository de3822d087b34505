import type { DispatchRequest } from "../../src/balancing/dispatch";
import { Dispatcher, type DispatcherOptions } from "../../src/balancing/dispatcher";
import type { Endpoint } from "../../src/balancing/endpoint";
import { asFabricError, FabricError } from "../../src/core/errors";

export interface PromisedRequest extends DispatchRequest {
  readonly timeoutMs?: number;
  /** The dispatch is cancelled when it aborts; the attempt has to see to itself. */
  readonly signal?: AbortSignal;
}

export interface AttemptContext {
  readonly number: number;
  readonly signal: AbortSignal | undefined;
  commit(): void;
}

export type Attempt<E extends Endpoint, R> = (endpoint: E, context: AttemptContext) => Promise<R>;

/** A Dispatcher for tests that are easier to read with promises: a call is a promise, and so is each attempt. */
export class PromisedDispatcher<E extends Endpoint> {
  readonly #dispatcher: Dispatcher<E>;

  constructor(options: DispatcherOptions<E>) {
    this.#dispatcher = new Dispatcher(options);
  }

  get counts() {
    return this.#dispatcher.counts;
  }

  close(error: FabricError): void {
    this.#dispatcher.close(error);
  }

  dispatch<R>(request: PromisedRequest, attempt: Attempt<E, R>): Promise<R> {
    const { signal, timeoutMs } = request;
    return new Promise((resolve, reject) => {
      let response: R;
      const dispatch = this.#dispatcher.dispatch({
        request,
        timeoutMs,
        attempt: (endpoint, number) => {
          attempt(endpoint, { number, signal, commit: () => dispatch.commit() }).then(
            (value) => {
              response = value;
              dispatch.attemptEnded(undefined);
            },
            (error: unknown) => dispatch.attemptEnded(asFabricError(error, "REMOTE")),
          );
        },
        cancelAttempt: () => {},
        settled: (error) => (error ? reject(error) : resolve(response)),
      });
      const cancel = () => dispatch.cancel(new FabricError("CANCELLED", "the caller cancelled the call"));
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel);
      dispatch.start();
    });
  }
}
