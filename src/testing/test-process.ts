import { FabricError } from "../core/errors";
import type { MemoryCluster } from "./memory-cluster";

export type ProcessState = "running" | "frozen" | "stopped" | "killed";

/** What can be done to a process of the test cluster, and to the machine that it is on. */
export abstract class TestProcess {
  readonly name: string;
  /** Where it listens. */
  readonly address: string;
  protected readonly memory: MemoryCluster;
  #state: ProcessState = "stopped";

  constructor(memory: MemoryCluster, name: string, address: string) {
    this.memory = memory;
    this.name = name;
    this.address = address;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Begins to start it, without letting time pass; `start` also waits until it has. */
  launch(): void {
    this.#must("start", "stopped", "killed");
    this.memory.network.note(`start ${this.name}`);
    this.#state = "running";
    this.begin();
  }

  /** Starts it, also after `stop` or `kill`: then it is the same one, in a new life. */
  async start(): Promise<void> {
    this.launch();
    await this.memory.outcome(this.started());
  }

  /**
   * Stops it in order, as SIGTERM does: it takes no new calls, finishes what it has within `graceMs`, takes its leave. Resolves when
   * it is over. To see what happens meanwhile, do not wait for it: `const stopped = worker.stop()`, then `cluster.outcome(stopped)`.
   */
  async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#must("stop", "running");
    this.memory.network.note(`stop ${this.name}`);
    this.#state = "stopped";
    await this.end(options);
  }

  /**
   * Ends it at once, as SIGKILL does: it says nothing more, and its kernel resets its connections. With `silently` the whole machine
   * is gone, as without power: nobody is told, and who waits for it learns by keepalive or deadline.
   */
  async kill(options: { readonly silently?: boolean } = {}): Promise<void> {
    this.#must("kill", "running", "frozen");
    this.#state = "killed";
    await this.memory.crash(this.name, options);
  }

  /** Kills and starts it. */
  async restart(): Promise<void> {
    if (this.#state === "running" || this.#state === "frozen") await this.kill();
    await this.start();
  }

  /**
   * Stops its event loop, as SIGSTOP does, or a long garbage collection: it hears nothing and its timers wait. What it sent before
   * is delivered; what arrives waits in its kernel.
   */
  freeze(): void {
    this.#must("freeze", "running");
    this.#state = "frozen";
    this.memory.network.freeze(this.name);
  }

  /** Lets it go on: it gets what has arrived, and its timers that are overdue. */
  thaw(): void {
    this.#must("thaw", "frozen");
    this.#state = "running";
    this.memory.network.thaw(this.name);
  }

  /** Sets the wall clock of its machine, forward or back. Nothing that is measured may depend on it. */
  stepWallClock(deltaMs: number): void {
    this.memory.network.note(`wall clock of ${this.name} ${deltaMs} ms`);
    this.memory.network.host(this.name).clock.stepWall(deltaMs);
  }

  /** Makes all clocks of its machine go wrong from now on: 0.01 is 1 % fast, −0.01 slow, 0 right. */
  driftClock(ratio: number): void {
    this.memory.network.note(`clock of ${this.name} drifts by ${ratio}`);
    this.memory.network.host(this.name).clock.drift(ratio);
  }

  protected abstract begin(): void;
  protected abstract started(): Promise<unknown>;
  protected abstract end(options: { readonly graceMs?: number }): Promise<void>;

  #must(what: string, ...states: ProcessState[]): void {
    if (states.includes(this.#state)) return;
    const message = `${this.name} cannot ${what}: it is ${this.#state}, and would have to be ${states.join(" or ")}`;
    throw new FabricError("INVALID_ARGUMENT", message);
  }
}
