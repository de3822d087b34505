import { NO_LOAD, type MemberState } from "../../../src/core/member";
import type { MembershipEvent } from "../../../src/membership/events";
import { identityOf, MembershipRig, only, pathOf } from "./membership-rig";

/** Where the member "w" stands before the event; three witnesses beat beside it. */
const SITUATIONS = {
  unknown: () => undefined,
  joining: (rig: MembershipRig) => rig.attach("w"),
  alive: (rig: MembershipRig) => rig.join("w"),
  "suspect (silent)": (rig: MembershipRig) => {
    rig.join("w");
    rig.silence("w");
    rig.run(3_700);
  },
  "suspect (stream broke)": (rig: MembershipRig) => {
    rig.join("w");
    rig.breakStream("w");
  },
  draining: (rig: MembershipRig) => {
    rig.join("w");
    rig.apply({ kind: "draining", memberId: "w", sessionId: rig.worker("w").sessionId, reason: "SIGTERM" });
  },
  dead: (rig: MembershipRig) => {
    rig.join("w");
    rig.breakStream("w");
    rig.run(11_000);
  },
  left: (rig: MembershipRig) => {
    rig.join("w");
    rig.apply({ kind: "goodbye", memberId: "w", sessionId: rig.worker("w").sessionId, reason: "done" });
  },
} satisfies Record<string, (rig: MembershipRig) => unknown>;

/** The session that "w" has or had last, and the number of its next beat. */
interface Stream {
  readonly sessionId: string;
  readonly nextSeq: number;
}

/** What happens to "w". */
const EVENTS = {
  "attach, same life": () => ({ kind: "attach", sessionId: "new", identity: identityOf("w") }),
  "attach, higher incarnation": () => ({
    kind: "attach",
    sessionId: "new",
    identity: identityOf("w", { incarnation: 2 }),
  }),
  "attach, older incarnation": () => ({
    kind: "attach",
    sessionId: "new",
    identity: identityOf("w", { incarnation: 0 }),
  }),
  "attach, other address": () => ({
    kind: "attach",
    sessionId: "new",
    identity: identityOf("w", { incarnation: 2, address: "other.example:1" }),
  }),
  beat: ({ sessionId, nextSeq }) => ({
    kind: "beat",
    memberId: "w",
    sessionId,
    seq: nextSeq,
    load: NO_LOAD,
    serving: true,
  }),
  "beat out of order": ({ sessionId, nextSeq }) => ({
    kind: "beat",
    memberId: "w",
    sessionId,
    seq: nextSeq + 1,
    load: NO_LOAD,
    serving: true,
  }),
  "beat of another session": () => ({
    kind: "beat",
    memberId: "w",
    sessionId: "stray",
    seq: 1,
    load: NO_LOAD,
    serving: true,
  }),
  "stream broken": ({ sessionId }) => ({ kind: "stream-broken", memberId: "w", sessionId, reason: "ECONNRESET" }),
  "data link up": () => ({ kind: "data-link", memberId: "w", up: true, reason: "connected" }),
  "data link down": () => ({ kind: "data-link", memberId: "w", up: false, reason: "connection refused" }),
  draining: ({ sessionId }) => ({ kind: "draining", memberId: "w", sessionId, reason: "SIGTERM" }),
  goodbye: ({ sessionId }) => ({ kind: "goodbye", memberId: "w", sessionId, reason: "done" }),
  probed: () => ({ kind: "probed", memberId: "w", probeId: "probe-99", via: "a", reachable: false, detail: "" }),
  "register (by REST)": () => ({
    kind: "register",
    identity: identityOf("w", { liveness: { kind: "reported", ttlMs: 1_000 } }),
  }),
  report: () => ({ kind: "report", memberId: "w", load: NO_LOAD }),
  remove: () => ({ kind: "remove", memberId: "w", reason: "operator" }),
  adopt: () => ({
    kind: "adopt",
    record: {
      ...identityOf("w"),
      state: "alive",
      stateReason: "",
      stateSinceUnixMs: 0,
      joinedAtUnixMs: 0,
      homeDirectorId: "director-1",
    },
  }),
  release: () => ({ kind: "release", memberId: "w" }),
  tick: () => ({ kind: "tick" }),
} satisfies Record<string, (stream: Stream) => MembershipEvent>;

type Outcome = MemberState | "unknown" | "refused";
type Row = Record<keyof typeof SITUATIONS, Outcome>;

/** The state after the event, or "refused" when the event was answered so (and nothing changed). */
const row = (...outcomes: [Outcome, Outcome, Outcome, Outcome, Outcome, Outcome, Outcome, Outcome]): Row =>
  Object.fromEntries(Object.keys(SITUATIONS).map((name, index) => [name, outcomes[index]])) as Row;

const TABLE: Record<keyof typeof EVENTS, Row> = {
  //                                unknown    joining     alive       silent      broken      draining    dead       left
  "attach, same life":          row("joining", "joining",  "alive",    "alive",    "alive",    "draining", "refused", "refused"), // prettier-ignore
  "attach, higher incarnation": row("joining", "joining",  "alive",    "alive",    "alive",    "alive",    "joining", "joining"), // prettier-ignore
  "attach, older incarnation":  row("joining", "refused",  "refused",  "refused",  "refused",  "refused",  "refused", "refused"), // prettier-ignore
  "attach, other address":      row("joining", "refused",  "refused",  "joining",  "joining",  "refused",  "joining", "joining"), // prettier-ignore
  "beat":                       row("unknown", "joining",  "alive",    "alive",    "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "beat out of order":          row("unknown", "suspect",  "suspect",  "suspect",  "suspect",  "suspect",  "dead",    "left"), // prettier-ignore
  "beat of another session":    row("unknown", "joining",  "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "stream broken":              row("unknown", "suspect",  "suspect",  "suspect",  "suspect",  "suspect",  "dead",    "left"), // prettier-ignore
  "data link up":               row("unknown", "alive",    "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "data link down":             row("unknown", "joining",  "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "draining":                   row("unknown", "draining", "draining", "draining", "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "goodbye":                    row("unknown", "left",     "left",     "left",     "suspect",  "left",     "dead",    "left"), // prettier-ignore
  "probed":                     row("unknown", "joining",  "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "register (by REST)":         row("alive",   "refused",  "refused",  "refused",  "refused",  "refused",  "alive",   "alive"), // prettier-ignore
  "report":                     row("unknown", "joining",  "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "remove":                     row("unknown", "unknown",  "unknown",  "unknown",  "unknown",  "unknown",  "unknown", "unknown"), // prettier-ignore
  "adopt":                      row("suspect", "joining",  "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
  "release":                    row("unknown", "unknown",  "unknown",  "unknown",  "unknown",  "unknown",  "unknown", "unknown"), // prettier-ignore
  "tick":                       row("unknown", "joining",  "alive",    "suspect",  "suspect",  "draining", "dead",    "left"), // prettier-ignore
};

const CASES = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).flatMap((event) =>
  (Object.keys(SITUATIONS) as (keyof typeof SITUATIONS)[]).map(
    (situation) => [situation, event, TABLE[event][situation]] as const,
  ),
);

function rigIn(situation: keyof typeof SITUATIONS): { rig: MembershipRig; stream: Stream } {
  const rig = new MembershipRig();
  rig.join("a", "b", "c");
  rig.run(3_000);
  SITUATIONS[situation](rig);
  const worker = rig.workers.get("w");
  return { rig, stream: { sessionId: worker?.sessionId ?? "nobody's", nextSeq: (worker?.seq ?? 0) + 1 } };
}

describe("H-01 the life of a member, state by event", () => {
  test.each(CASES)("%s + %s → %s", (situation, event, outcome) => {
    const { rig, stream } = rigIn(situation);
    const before = rig.membership.get("w")?.record;
    const changes = rig.apply(EVENTS[event](stream));
    const isRefused = only(changes, "refused").length > 0;
    expect(isRefused ? "refused" : (rig.state("w") ?? "unknown")).toBe(outcome);
    // M10: what is kept is what was written last, or what was there before. So a refusal changed nothing (M8).
    const written = only(changes, "transition").at(-1);
    expect([undefined, written?.record ?? before]).toContain(rig.membership.get("w")?.record);
  });

  test("every state was stood in", () => {
    const states = Object.keys(SITUATIONS).map(
      (situation) => rigIn(situation as keyof typeof SITUATIONS).rig.state("w") ?? "unknown",
    );
    expect(states).toEqual(["unknown", "joining", "alive", "suspect", "suspect", "draining", "dead", "left"]);
  });

  test("the whole life of a worker that is planned to leave", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const { sessionId } = rig.worker("w");
    rig.apply({ kind: "draining", memberId: "w", sessionId, reason: "SIGTERM" });
    rig.apply({ kind: "goodbye", memberId: "w", sessionId, reason: "done" });
    rig.run(10_100);
    expect(pathOf(rig.log, "w")).toEqual(["·→joining", "joining→alive", "alive→draining", "draining→left"]);
    expect(only(rig.log, "forget").map((change) => change.memberId)).toEqual(["w"]);
  });
});
