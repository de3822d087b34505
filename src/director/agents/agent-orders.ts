import type { AgentOrder } from "../../core/agent";
import type { AgentOrders, DirectorMessage, WorkerMessage } from "../../core/attach-messages";
import { MessageQueue } from "../../core/message-queue";
import type { MessageStream } from "../../core/message-stream";
import type { ClusterView } from "../cluster-view";
import type { AgentIndex } from "./agent-index";

/** Agents in one message: with all the parameters that they may have, 256 KiB. */
const STARTS_MAX = 64;
const STOPS_MAX = 1_024;

/** What a worker has been told on its stream. */
interface Told {
  /** By name. */
  readonly generations: Map<string, number>;
  complete: boolean;
}

/**
 * Tells a worker its agents, for as long as its stream lasts: all of them at the beginning, then what changes. Nothing before the record has
 * been read: that it is unknown who should run must not stop anybody.
 */
export async function tellAgents(
  { view, index }: { readonly view: ClusterView; readonly index: AgentIndex },
  memberId: string,
  stream: MessageStream<WorkerMessage, DirectorMessage>,
  ended: AbortSignal,
): Promise<void> {
  await view.whenLoaded();
  if (ended.aborted) return;
  const changes = new MessageQueue<true>();
  const unsubscribe = index.onMember(memberId, () => changes.replace(true));
  ended.addEventListener("abort", () => changes.end(), { once: true });
  const told: Told = { generations: new Map(), complete: false };
  changes.push(true);
  try {
    for await (const _ of changes) {
      for (
        let orders = nextOrders(view, index, memberId, told);
        orders;
        orders = nextOrders(view, index, memberId, told)
      ) {
        // Many may wait: a burst must not break the stream of a worker that reads a little late.
        await stream.drained();
        if (!stream.send(orders)) return;
      }
    }
  } finally {
    unsubscribe();
  }
}

/** What the worker is to be told next, which is then noted as told; `undefined` when it knows all. */
function nextOrders(view: ClusterView, index: AgentIndex, memberId: string, told: Told): AgentOrders | undefined {
  const start: AgentOrder[] = [];
  const stop: string[] = [];
  let isRest = true;
  for (const name of index.of(memberId)) {
    const generation = index.generationAt(memberId, name);
    if (generation === undefined || told.generations.get(name) === generation) continue;
    if (start.length === STARTS_MAX) {
      isRest = false;
      break;
    }
    start.push({ name, generation, parameters: view.agents.get(name)?.parameters ?? {} });
  }
  for (const name of told.generations.keys()) {
    if (index.generationAt(memberId, name) !== undefined) continue;
    if (stop.length === STOPS_MAX) {
      isRest = false;
      break;
    }
    stop.push(name);
  }
  if (start.length === 0 && stop.length === 0 && told.complete) return undefined;
  for (const { name, generation } of start) told.generations.set(name, generation);
  for (const name of stop) told.generations.delete(name);
  told.complete ||= isRest;
  return { kind: "agents", start, stop, complete: told.complete };
}
