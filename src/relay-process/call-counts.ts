import type { Dispatcher } from "../balancing/dispatcher";
import type { Clock } from "../core/clock";
import { PacedTask } from "../core/paced-task";
import type { PooledEndpoint, WorkerPool } from "../director/worker-pool";
import type { MemberTally, Tally } from "./messages";

/**
 * Least time between two tallies. The director's other processes balance by what is up to twice as old; at 20 a second, a tally
 * costs both sides less than a thousandth of their time.
 */
export const TALLY_EVERY_MS = 50;

/** Counts the calls of a relay process and tells the director, as long as there is something to tell. */
export class CallCounts {
  readonly #dispatcher: Dispatcher<PooledEndpoint>;
  readonly #send: (tally: Tally) => void;
  readonly #task: PacedTask;
  /** Of each endpoint, how many events of its calls have been told. */
  readonly #told = new WeakMap<PooledEndpoint, number>();
  readonly #changed = new Set<PooledEndpoint>();
  readonly #pool: Pick<WorkerPool, "endpoint" | "ready">;
  #ended: string[] = [];

  constructor(
    clock: Clock,
    dispatcher: Dispatcher<PooledEndpoint>,
    pool: Pick<WorkerPool, "endpoint" | "ready">,
    send: (tally: Tally) => void,
  ) {
    this.#dispatcher = dispatcher;
    this.#pool = pool;
    this.#send = send;
    this.#task = new PacedTask(
      clock,
      () => this.tell(),
      () => TALLY_EVERY_MS,
    );
  }

  /** There is, or soon will be, something to tell. */
  soon(): void {
    this.#task.soon();
  }

  watch(endpoint: PooledEndpoint): void {
    if (this.#told.has(endpoint)) return;
    this.#told.set(endpoint, 0);
    const endpointChanged = () => {
      this.#changed.add(endpoint);
      this.#task.soon();
    };
    endpoint.observe({ endpointChanged }, 0, "load");
  }

  connectionEnded(address: string): void {
    this.#ended.push(address);
    this.#task.soon();
  }

  stop(): void {
    this.#task.cancel();
  }

  /** Now: what is sent after it is known to come after these calls. */
  tell(): void {
    const calls = this.#dispatcher.counts;
    const members = [...this.#changed].flatMap((endpoint) => this.#tallyOf(endpoint));
    this.#changed.clear();
    const ended = this.#ended;
    this.#ended = [];
    this.#send({ calls, spilled: this.#spilled(), members, ended });
    // Calls come and go that no endpoint hears of: those that wait for one, and those that fail without.
    if (calls.queued > 0 || calls.inFlight > 0) this.#task.soon();
  }

  #spilled(): number {
    const { ready } = this.#pool;
    const standbys = ready.filter(({ standby }) => standby);
    return standbys.length === ready.length ? 0 : standbys.reduce((sum, { begun }) => sum + begun, 0);
  }

  /** Nothing when only its load changed, or when the member has another endpoint by now: a departed one's calls do not count. */
  #tallyOf(endpoint: PooledEndpoint): MemberTally[] {
    const { memberId, counts, meanLatencyMs } = endpoint;
    if (this.#pool.endpoint(memberId) !== endpoint) return [];
    const { started, ok, failed, cancelled } = counts;
    const ended = ok + failed + cancelled;
    if (this.#told.get(endpoint) === started + ended) return [];
    this.#told.set(endpoint, started + ended);
    return [{ memberId, inFlight: started - ended, started, ok, failed, cancelled, meanLatencyMs }];
  }
}
