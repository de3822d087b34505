import type { IncomingCall } from "../../src/core/call";
import type { Clock } from "../../src/core/clock";
import { SILENT_LOGGER } from "../../src/core/logger";
import { CallRunner } from "../../src/worker/threads/call-runner";
import { createRings } from "../../src/worker/threads/byte-ring";
import type { FromThread, ToThread } from "../../src/worker/threads/port-messages";
import { ThreadHandle, type ThreadChannel } from "../../src/worker/threads/thread-handle";

type Methods = ReadonlyMap<string, (call: IncomingCall) => void>;

/** Both ends of a thread in this one: what they say to each other is cloned and moved as between threads. */
export class FakeThread implements ThreadChannel {
  /** What was asked of it. */
  readonly seen = { posts: 0, stops: 0, terminated: false };
  readonly rings = createRings();
  readonly #runner: CallRunner;
  readonly #unread: ToThread[] = [];
  readonly #methods: Methods;
  #tell: (message: FromThread) => void = () => {};
  #ended: (reason: string) => void = () => {};
  #isEnding = false;
  #isOver = false;
  #isBusy = false;

  constructor(clock: Clock, methods: Methods) {
    this.#methods = methods;
    this.#runner = new CallRunner({
      clock,
      methods,
      rings: this.rings,
      post: (batch) => this.#fromThread(batch, batch.moved),
      whenTurnEnds: (callback) => queueMicrotask(() => process.nextTick(callback)),
      afterInput: (callback) => setImmediate(callback),
    });
  }

  /** It has loaded the handlers. */
  ready(): void {
    const services = [{ fullName: "a.B", paths: [...this.#methods.keys()] }];
    this.#fromThread({ kind: "ready", services, descriptors: undefined }, []);
  }

  /** It cannot load them. */
  fail(reason: string): void {
    this.#fromThread({ kind: "failed", reason }, []);
    this.end("it exited with code 1");
  }

  end(reason: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // After what it said before.
    process.nextTick(() => {
      this.#isOver = true;
      this.#ended(reason);
    });
  }

  /** A busy loop: what is posted to it waits until the loop ends. */
  setBusy(isBusy: boolean): void {
    this.#isBusy = isBusy;
    if (!isBusy) for (const message of this.#unread.splice(0)) this.#read(message);
  }

  // ---- ThreadChannel ---------------------------------------------------------------------------------------------------

  post(message: ToThread, moved: readonly ArrayBuffer[]): void {
    this.seen.posts += 1;
    const arrived = structuredClone(message, { transfer: [...moved] });
    process.nextTick(() => {
      if (this.#isBusy) this.#unread.push(arrived);
      else this.#read(arrived);
    });
  }

  onMessage(listener: (message: FromThread) => void): void {
    this.#tell = listener;
  }

  onEnd(listener: (reason: string) => void): void {
    this.#ended = listener;
  }

  terminate(): void {
    this.seen.terminated = true;
    this.end("it exited with code 1");
  }

  #read(message: ToThread): void {
    if (this.#isOver) return;
    if (message.kind === "calls") this.#runner.receive(message);
    else {
      this.seen.stops += 1;
      this.end("it exited with code 0");
    }
  }

  #fromThread(message: FromThread, moved: readonly ArrayBuffer[]): void {
    const arrived = structuredClone(message, { transfer: [...moved] });
    process.nextTick(() => {
      if (!this.#isOver) this.#tell(arrived);
    });
  }
}

/** The main thread's end of a thread with these methods, up and running. */
export function fakeThread(clock: Clock, methods: Methods): { thread: FakeThread; handle: ThreadHandle } {
  const thread = new FakeThread(clock, methods);
  const handle = new ThreadHandle({
    clock,
    logger: SILENT_LOGGER,
    number: 1,
    channel: thread,
    ready: () => {},
    failed: () => {},
    ended: () => {},
    took: () => {},
    whenTurnEnds: (callback) => process.nextTick(callback),
  });
  thread.ready();
  return { thread, handle };
}
