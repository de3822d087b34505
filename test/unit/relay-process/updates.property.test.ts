import fc from "fast-check";
import { DEFAULT_INTENT, NO_LOAD, type Load } from "../../../src/core/member";
import type { MemberFacts, RelaySource } from "../../../src/director/relays";
import { MemberMirror, type MirrorFollower } from "../../../src/relay-process/member-mirror";
import type { Update } from "../../../src/relay-process/messages";
import { PendingUpdate } from "../../../src/relay-process/pending-update";
import { identityOf } from "../membership/membership-rig";

// A failure prints its seed and path: put them into RUNS to replay it.
const RUNS: fc.Parameters<unknown> = { numRuns: 500 };

const MEMBERS = ["a", "b", "c"];
const PATHS = ["/x.Y/One", "/x.Y/Two"];

function factsOf(memberId: string, slots: number, variant: number): MemberFacts {
  return {
    record: {
      ...identityOf(memberId, { slots }),
      state: "alive",
      stateReason: `for the ${variant}th time`,
      stateSinceUnixMs: variant,
      joinedAtUnixMs: 1,
      homeDirectorId: "d",
    },
    shared: variant % 4 !== 0,
    ...(variant % 2 === 0 ? { intent: { ...DEFAULT_INTENT, kind: "cordoned", setAtUnixMs: variant } } : {}),
    ...(variant % 3 === 0
      ? {}
      : { local: { ready: variant % 3 === 1, notReadyReason: variant % 3 === 1 ? "" : "no" } }),
  };
}

/** What a director knows, and tells one relay process. */
class Model implements RelaySource {
  readonly members = new Map<string, MemberFacts>();
  readonly loads = new Map<string, Load>();
  readonly calls = new Map<string, number>();
  readonly shares = new Map<string, number>();
  currentPolicy = "random";
  paths: readonly string[] = [];
  resumed: readonly string[] = [];

  memberIds = () => this.members.keys();
  facts = (memberId: string) => this.members.get(memberId);
  load = (memberId: string) => (this.members.has(memberId) ? this.loads.get(memberId) : undefined);
  policy = () => this.currentPolicy;
  isInMaintenance = () => false;
  idempotentPaths = () => this.paths;
  resumablePaths = () => this.resumed;
  describedPaths = () => this.paths;
  slots = () => undefined;
  inFlight = () => {};
  queuedChanged = () => {};
  measured = () => {};
  callsEnded = () => {};
}

type Step = (model: Model, pending: PendingUpdate) => void;

const memberId = fc.constantFrom(...MEMBERS);
const count = fc.integer({ min: 0, max: 5 });

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(memberId, fc.constantFrom(0, 4), fc.nat(12)).map(([id, slots, variant]): Step => (model, pending) => {
    model.members.set(id, factsOf(id, slots, variant));
    pending.memberChanged(id);
  }),
  memberId.map((id): Step => (model, pending) => {
    for (const map of [model.members, model.loads, model.calls, model.shares]) map.delete(id);
    pending.forget(id);
  }),
  fc.tuple(memberId, count).map(([id, inFlight]): Step => (model, pending) => {
    model.loads.set(id, { ...NO_LOAD, inFlight });
    pending.loadChanged(id);
  }),
  fc.tuple(memberId, count, count).map(([id, calls, slots]): Step => (model, pending) => {
    if (!model.members.has(id)) return;
    model.calls.set(id, calls);
    pending.elsewhereChanged(id, calls);
    model.shares.set(id, slots);
    pending.shareChanged(id, slots);
  }),
  fc
    .tuple(fc.constantFrom("random", "weighted"), fc.subarray(PATHS), fc.subarray(PATHS))
    .map(([policy, paths, resumed]): Step => (model, pending) => {
      model.currentPolicy = policy;
      model.paths = paths;
      model.resumed = resumed;
      pending.settingsChanged();
    }),
);

class Follower implements MirrorFollower {
  policy = "";
  readonly loads = new Map<string, Load>();
  memberChanged(): void {}
  elsewhereChanged(): void {}
  loadChanged(id: string, load: Load): void {
    this.loads.set(id, load);
  }
  policyChanged(policy: string): void {
    this.policy = policy;
  }
}

const viaJson = (update: Update) => JSON.parse(JSON.stringify(update)) as Update;

/** All that a process can see of a mirror. */
function seen(mirror: MemberMirror, policy: string) {
  return {
    policy,
    records: [...mirror.records()].map((record) => record.memberId).sort(),
    members: MEMBERS.map((id) => ({
      record: mirror.record(id),
      intent: mirror.intent(id),
      local: mirror.local(id),
      calls: mirror.callsElsewhere(id),
      slots: mirror.slotsElsewhere(id),
    })),
    idempotent: PATHS.map((path) => mirror.traits(path).idempotent),
    resumable: PATHS.map((path) => mirror.traits(path).resumable),
  };
}

describe("Updates to a relay process", () => {
  it("say that nothing is known of the load of a member that went and came back between two of them", () => {
    const model = new Model();
    const pending = new PendingUpdate(model);
    const mirror = new MemberMirror();
    const join = () => {
      model.members.set("a", factsOf("a", 4, 1));
      pending.memberChanged("a");
    };
    join();
    model.loads.set("a", { ...NO_LOAD, inFlight: 3 });
    mirror.apply(pending.take(), new Follower());
    model.members.delete("a");
    model.loads.delete("a");
    pending.forget("a");
    join();
    mirror.apply(pending.take(), new Follower());
    expect(mirror.local("a")?.load).toEqual(NO_LOAD);
  });

  it("put together, however the changes fall among them, give what one that says everything gives", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), (steps) => {
        const model = new Model();
        const pending = new PendingUpdate(model);
        const mirror = new MemberMirror();
        const follower = new Follower();
        for (const [change, taken] of steps) {
          change(model, pending);
          if (taken) mirror.apply(viaJson(pending.take()), follower);
        }
        mirror.apply(viaJson(pending.take()), follower);
        expect(pending.isEmpty).toBe(true);

        const everything = new PendingUpdate(model);
        for (const [id, calls] of model.calls) everything.elsewhereChanged(id, calls);
        for (const [id, slots] of model.shares) everything.shareChanged(id, slots);
        const fresh = new MemberMirror();
        const freshFollower = new Follower();
        fresh.apply(viaJson(everything.take()), freshFollower);
        expect(seen(mirror, follower.policy)).toEqual(seen(fresh, freshFollower.policy));
      }),
      RUNS,
    );
  });

  it("take the room of one for any number of changes of a member, and count up", () => {
    const model = new Model();
    const pending = new PendingUpdate(model);
    expect(pending.take().revision).toBe(1);
    for (let round = 0; round < 1_000; round += 1) {
      model.members.set("a", factsOf("a", 0, round));
      pending.memberChanged("a");
      pending.elsewhereChanged("a", round);
    }
    const update = pending.take();
    expect(update.revision).toBe(2);
    expect(update.members).toEqual([["a", factsOf("a", 0, 999)]]);
    expect(update.elsewhere).toEqual([["a", 999]]);
    expect(pending.isEmpty).toBe(true);
  });
});
