import type { MemberEvent, MemberEventKind } from "../core/attach-messages";
import type { AgentRecord } from "../core/agent";
import type { Clock } from "../core/clock";
import type { MemberRecord } from "../core/member";
import { MessageQueue } from "../core/message-queue";
import { describeAgent } from "./agents/agent-events";
import type { ClusterView, FactChange } from "./cluster-view";

/** Events kept for watchers that resume. At one change a second, a quarter of an hour. */
const KEPT_MAX = 1_000;
/** Events that wait for a slow watcher; beyond it the watcher gets RESET and the members as they are. */
const WAITING_MAX = 1_000;

/** An event, and the member after it where it is about one that exists. */
export interface LoggedEvent extends MemberEvent {
  readonly record?: MemberRecord;
  /** Only this director tells of it, at the revision of the event before: nobody can resume from just after it. */
  readonly isLocal?: boolean;
}

/**
 * What happened, as changes of the shared record: every director reports the same events at the same revisions. Watchers resume
 * from a revision; who asks for more than is kept, or reads too slowly, starts over from the present.
 */
export class EventLog {
  readonly #view: ClusterView;
  readonly #clock: Clock;
  readonly #kept: LoggedEvent[] = [];
  readonly #watchers = new Set<(event: LoggedEvent) => void>();
  /** Everything after this revision is kept, as far as it happened since the first snapshot. */
  #completeAfter = 0;

  constructor(view: ClusterView, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
    view.onChange((changes) => this.#record(changes));
    // Its revisions do not go on from those that were kept.
    view.onReplaced(() => {
      this.#kept.length = 0;
      this.#completeAfter = view.revision;
    });
  }

  /** Events after `revision`; from 0, or a revision that is no longer kept, `reset` and one event per member come first. */
  watch(revision: number, signal: AbortSignal): AsyncIterable<LoggedEvent> {
    const completeAfter = Math.max(this.#completeAfter, this.#view.loadedRevision ?? Infinity);
    const isKept = revision > 0 && revision >= completeAfter && revision <= this.#view.revision;
    // What only this director saw has no revision of its own, so who says this one may have seen it or not.
    const resumable = isKept && !this.#kept.some((event) => event.isLocal && event.revision === revision);
    return this.#watchFrom(
      resumable ? this.#kept.filter((event) => event.revision > revision) : this.#present(),
      signal,
    );
  }

  /** At most `count` of the events that are kept, and those that follow. For people, who want to know what led to the present. */
  watchLatest(count: number, signal: AbortSignal): AsyncIterable<LoggedEvent> {
    return this.#watchFrom(this.#kept.slice(-count), signal);
  }

  #watchFrom(backlog: readonly LoggedEvent[], signal: AbortSignal): AsyncIterable<LoggedEvent> {
    const queue = new MessageQueue<LoggedEvent>({ onReturn: () => stop() });
    for (const event of backlog) queue.push(event);
    const watcher = (event: LoggedEvent) => {
      if (queue.size < WAITING_MAX) {
        queue.push(event);
        return;
      }
      const [reset, ...members] = this.#present();
      if (reset) queue.replace(reset);
      for (const member of members) queue.push(member);
    };
    this.#watchers.add(watcher);
    const stop = () => {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", stop);
      queue.end();
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    return queue;
  }

  /** Only the last of them carries the revision: a watcher that breaks off before has not seen that revision in full. */
  #present(): LoggedEvent[] {
    const { revision, members } = this.#view;
    const at = { revision: 0, atUnixMs: Math.floor(this.#clock.wallMs()) };
    const reset: LoggedEvent = { ...at, kind: "reset", memberId: "", detail: "the members as they are now" };
    const joined = [...members.values()].map((record): LoggedEvent => {
      return { ...at, kind: "node-joined", memberId: record.memberId, detail: record.state, record };
    });
    const events = [reset, ...joined];
    return events.map((event, index) => (index === events.length - 1 ? { ...event, revision } : event));
  }

  #record(changes: readonly FactChange[]): void {
    if (this.#view.loadedRevision === undefined) {
      // The first snapshot is how things stand, not what happened. Who watches already saw nothing but an empty cluster.
      for (const watcher of [...this.#watchers]) for (const event of this.#present()) watcher(event);
      return;
    }
    for (const change of changes) {
      const described = describe(change);
      if (!described) continue;
      const { fact, revision, isLocal } = change;
      const isIntent = fact.kind === "intent";
      const record = fact.kind === "member" ? fact.value : isIntent ? this.#view.members.get(fact.id) : undefined;
      const event: LoggedEvent = {
        memberId: fact.kind === "member" || isIntent ? fact.id : "",
        ...described,
        revision,
        atUnixMs: Math.floor(this.#clock.wallMs()),
        ...(record ? { record } : {}),
        ...(isLocal ? { isLocal } : {}),
      };
      this.#kept.push(event);
      if (this.#kept.length > KEPT_MAX) this.#completeAfter = this.#kept.shift()?.revision ?? 0;
      for (const watcher of [...this.#watchers]) watcher(event);
    }
  }
}

interface Description extends Pick<LoggedEvent, "kind" | "detail" | "agent"> {
  /** Where it is not the member that the fact is about. */
  readonly memberId?: string;
}

function describe({ fact, before, ending }: FactChange): Description | undefined {
  switch (fact.kind) {
    case "member":
      if (ending) return { kind: ending.kind === "removed" ? "node-left" : "node-failed", detail: ending.reason };
      return describeMember(before as MemberRecord | undefined, fact.value);
    case "intent":
      return {
        kind: "intent-changed",
        detail: fact.value ? `${fact.value.kind}${fact.value.reason && `: ${fact.value.reason}`}` : "serving",
      };
    case "agent":
      return describeAgent(before as AgentRecord | undefined, fact.value);
    case "balancing":
      return { kind: "balancing-changed", detail: fact.value ?? "default" };
    case "leader":
      return { kind: "leader-changed", detail: fact.value?.directorId ?? "" };
    case "removal":
    case "identity":
    case "director":
    case "director-intent":
    case "descriptors":
    case "drain":
      return undefined;
  }
}

function describeMember(
  before: MemberRecord | undefined,
  after: MemberRecord | undefined,
): { kind: MemberEventKind; detail: string } | undefined {
  if (!after) {
    const gone = before === undefined || before.state === "left" || before.state === "dead";
    return gone ? undefined : { kind: "node-failed", detail: "its record went with the lease of its director" };
  }
  const detail = after.stateReason || after.state;
  if (!before || before.state === "left" || (before.state === "dead" && after.state !== "dead")) {
    return after.state === "left" || after.state === "dead" ? undefined : { kind: "node-joined", detail };
  }
  if (before.state === after.state) return { kind: "node-updated", detail };
  switch (after.state) {
    case "suspect":
      return { kind: "node-suspected", detail };
    case "dead":
      return { kind: "node-failed", detail };
    case "left":
      return { kind: "node-left", detail };
    case "alive":
      return { kind: before.state === "suspect" ? "node-recovered" : "node-updated", detail };
    case "joining":
    case "draining":
      return { kind: "node-updated", detail: `${after.state}: ${detail}` };
  }
}
