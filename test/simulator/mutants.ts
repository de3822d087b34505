/** A bug that the simulator must find: what is written in its place, in one file of the product. */
export interface Mutant {
  readonly name: string;
  /** What the bug does, in words. */
  readonly bug: string;
  readonly file: string;
  /** Each text must be there exactly once. */
  readonly edits: readonly (readonly [what: string, by: string])[];
}

/** Planted one at a time. Each breaks a promise that the cluster makes; none is a crash that any test would see. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "fencing-off",
    bug: "the condition of the store's transactions is not looked at, so that a leader of the past can write",
    file: "src/store/election.ts",
    edits: [
      [
        "fence: { key: leaderKey, createRevision: epoch }",
        "fence: { key: `${leaderKey}-unfenced`, createRevision: 0 }",
      ],
    ],
  },
  {
    name: "lease-not-fenced",
    bug: "a session does not end by itself when its renewals fail",
    file: "src/store/session-clock.ts",
    edits: [["return this.#renewedMs + this.#ttlMs - this.#clock.monotonicMs();", "return this.#ttlMs;"]],
  },
  {
    name: "election-ignores-session-loss",
    bug: "a term goes on after its session was lost",
    file: "src/store/election.ts",
    edits: [
      ['over.addEventListener("abort", () => this.endTerm(), { once: true });', ""],
      ["isCurrent: () => !ended.signal.aborted && session.isAlive(),", "isCurrent: () => !ended.signal.aborted,"],
      ["      this.#candidacy = undefined;\n      candidacy.endTerm();\n", "      this.#candidacy = undefined;\n"],
    ],
  },
  {
    name: "leader-key-unconditional",
    bug: "whoever campaigns takes the leader's key, whether it exists or not",
    file: "src/store/election.ts",
    edits: [["conditions: [{ key: this.view.leaderKey, createRevision: 0 }],", "conditions: [],"]],
  },
  {
    name: "watch-event-skipped",
    bug: "one in eight of the changes that the watch brings is not taken",
    file: "src/director/cluster-view.ts",
    edits: [
      [
        "for (const change of event.changes) {",
        "for (const change of event.revision % 8 === 0 ? [] : event.changes) {",
      ],
    ],
  },
  {
    name: "snapshot-removes-nothing",
    bug: "what is gone when a watch begins anew stays in the view",
    file: "src/director/cluster-view.ts",
    edits: [
      ["if (!present.has(key) && !this.lost.has(key)) changes.push(", "if (!present.has(key) && false) changes.push("],
    ],
  },
  {
    name: "overlay-never-ends",
    bug: "what a director saw while the store was away stays over what the store says",
    file: "src/director/cluster-view.ts",
    edits: [["if (untilRevision === undefined || untilRevision > this.#revision) continue;", "continue;"]],
  },
  {
    name: "death-not-written",
    bug: "the verdict on a member is not brought into the store",
    file: "src/director/membership-host.ts",
    edits: [["        writer.put(record);\n", '        if (record.state !== "dead") writer.put(record);\n']],
  },
  {
    name: "write-not-tried-again",
    bug: "what the store did not take is forgotten",
    file: "src/director/member-writer.ts",
    edits: [["if (!this.#wanted.has(memberId)) this.#wanted.set(memberId, wanted);", ""]],
  },
  {
    name: "new-lease-without-members",
    bug: "after a lease was lost the members that hung on it are not written again",
    file: "src/director/director-session.ts",
    edits: [["        this.#parts.renewed();\n", ""]],
  },
  {
    name: "picker-ignores-suspects",
    bug: "a member that is suspect may be picked",
    file: "src/director/worker-pool.ts",
    edits: [
      ['if (record.state !== "alive") return', 'if (record.state !== "alive" && record.state !== "suspect") return'],
      ["if (local && !local.ready) return local.notReadyReason;", ""],
    ],
  },
  {
    name: "picker-ignores-intent",
    bug: "a member that its operator took out of service may be picked",
    file: "src/director/worker-pool.ts",
    edits: [['if (intent.kind !== "serving" && intent.kind !== "standby") {', 'if (intent.kind === "maintenance") {']],
  },
  {
    name: "client-keeps-who-left",
    bug: "a client goes on calling workers that its list does not have any more",
    file: "src/client/endpoint-pool.ts",
    edits: [
      [
        "if (!present.has(memberId)) this.#letGo(endpoint);",
        "if (!present.has(memberId) && false) this.#letGo(endpoint);",
      ],
    ],
  },
  {
    name: "slots-ignored",
    bug: "a worker takes calls beyond its slots",
    file: "src/worker/admission.ts",
    edits: [["this.#running.count < this.#slots", "this.#running.count < this.#slots + 1"]],
  },
  {
    name: "worker-counter-kept",
    bug: "a call that its caller cancels stays counted at the worker",
    file: "src/worker/admitted-call.ts",
    edits: [["if (this.#settle()) listener?.cancelled();", "listener?.cancelled();"]],
  },
  {
    name: "director-counter-kept",
    bug: "a call that fails stays counted on its endpoint",
    file: "src/balancing/dispatch.ts",
    edits: [
      ['accounting.finish(failure ? outcomeOf(failure) : "ok"); // D2', 'failure ? 0 : accounting.finish("ok");'],
    ],
  },
  {
    name: "retry-of-what-may-have-run",
    bug: "a call that is not idempotent is tried again after its worker was lost",
    file: "src/balancing/retry-rules.ts",
    edits: [['if (executed === "maybe" && attempt.idempotent)', 'if (executed === "maybe")']],
  },
  {
    name: "no-retry",
    bug: "a call that was refused or lost is not tried elsewhere",
    file: "src/balancing/retry-rules.ts",
    edits: [
      [
        'if (attempt.committed || retry !== "other-worker") return "never";',
        'if (retry !== "none" as string) return "never";',
      ],
    ],
  },
  {
    name: "assignment-never-expires",
    bug: "an assignment that is not renewed is held for ever",
    file: "src/director/assignments.ts",
    edits: [["return this.#clock.after(this.#ttlMs, () =>", "return this.#clock.after(this.#ttlMs * 1_000, () =>"]],
  },
  {
    name: "stream-resumes-one-too-late",
    bug: "a worker goes on with a stream after the token that would be next",
    file: "src/worker/services/inference-service.ts",
    edits: [
      [
        "let sequence = request.resumeAfterSequence + 1n;",
        "let sequence = request.resumeAfterSequence + (request.resumeAfterSequence > 0n ? 2n : 1n);",
      ],
    ],
  },
  {
    name: "undrain-forgotten",
    bug: "a worker that is attaching is not told that it is not to be drained any more",
    file: "src/worker/attach-session.ts",
    edits: [["        this.#host.undrained();\n", ""]],
  },
  {
    name: "drain-does-not-wait",
    bug: "a worker that stops ends what it is running",
    file: "src/worker/departure.ts",
    edits: [["patience(graceMs).then(() => false)", "Promise.resolve(false)"]],
  },
  {
    name: "incarnation-ignored",
    bug: "a new life of a worker is taken for the one before",
    file: "src/membership/attach-rules.ts",
    edits: [
      [
        'if (identity.incarnation > known.incarnation) return { kind: "new-life" };',
        'if (identity.incarnation > known.incarnation) return { kind: "resumes" };',
      ],
    ],
  },
  {
    name: "stale-session-accepted",
    bug: "what comes on a stream that was replaced or broke counts",
    file: "src/membership/attached-members.ts",
    edits: [["return member?.session?.id === event.sessionId ? member : undefined;", "return member;"]],
  },
  {
    name: "goodbye-is-no-end",
    bug: "a worker that said goodbye is kept as it was",
    file: "src/membership/attached-members.ts",
    edits: [["if (member) leave(step, member, event.reason);", 'if (member) breakStream(step, member, "it left");']],
  },
  {
    name: "dead-for-ever",
    bug: "a worker that was judged dead does not come back as a new life",
    file: "src/worker/attach-loop.ts",
    edits: [
      ['if (outcome.error.code === "MEMBER_REMOVED") raiseIncarnation();', ""],
      ["      raiseIncarnation();\n", ""],
    ],
  },
  {
    name: "suspects-never-end",
    bug: "no verdict is ever given on a suspect",
    file: "src/membership/suspicion.ts",
    edits: [
      [
        'if (phase.kind !== "suspect" || !step.mayEvict()) return; // M5',
        'if (phase.kind !== "suspect" || step.nowMs > 0) return;',
      ],
    ],
  },
];
