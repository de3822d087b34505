import { parentPort, workerData } from "node:worker_threads";
import { sendingLogger } from "../api/sending-logger";
import { loadServices } from "../api/service-source";
import type { ThreadData } from "../api/thread-program";
import { messageOf } from "../core/errors";
import { systemClock } from "../platform/system-clock";
import { CallRunner } from "../worker/threads/call-runner";
import type { FromThread, ToThread } from "../worker/threads/port-messages";

// A worker starts this program in a thread, once for each of WORKER_THREADS; by itself it does nothing.

const port = parentPort!;
const send = (message: FromThread, moved: readonly ArrayBuffer[] = []) => port.postMessage(message, moved);

void start(workerData as ThreadData);

async function start({ source, label, rings }: ThreadData): Promise<void> {
  try {
    const parts = { clock: systemClock, logger: sendingLogger(send), label };
    const { services, descriptors } = await loadServices(source, parts);
    const runner = new CallRunner({
      clock: systemClock,
      rings,
      methods: new Map(services.flatMap(({ methods }) => [...methods])),
      post: (batch) => send(batch, batch.moved),
      // Ticks come before promises, except those that promises ask for.
      whenTurnEnds: (callback) => queueMicrotask(() => process.nextTick(callback)),
      afterInput: (callback) => setImmediate(callback),
    });
    port.on("message", (message: ToThread) => {
      if (message.kind === "stop") process.exit(0);
      runner.receive(message);
    });
    const served = services.map(({ fullName, methods }) => ({ fullName, paths: [...methods.keys()] }));
    send({ kind: "ready", services: served, descriptors });
  } catch (error) {
    send({ kind: "failed", reason: messageOf(error) });
    process.exit(1);
  }
}
