import type { FeedDelta, FeedSnapshot } from "../../../../src/dashboard/feed-messages";
import { ClusterFeed, type Viewer } from "../../../../src/gateway/dashboard/cluster-feed";
import { ClusterReadings } from "../../../../src/gateway/dashboard/cluster-readings";
import type { DirectorReader } from "../../../../src/gateway/dashboard/director-reader";
import { ManualClock, settle } from "../../../../src/testing/manual-clock";
import { GetStatsResponse, type WireMember } from "../../../../src/wire/contract";
import { Member, MemberState } from "../../../../generated/heddle/v1/member";

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: FeedSnapshot & FeedDelta;
}

/** Reads what it is sent, when it takes any. */
class Reader implements Viewer {
  isFull = false;
  isEnded = false;
  readonly messages: Message[] = [];

  send(text: string): void {
    for (const block of text.split("\n\n").filter(Boolean)) {
      const [id, event, data] = block.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
      this.messages.push({ id: id!, event: event!, data: JSON.parse(data!) as Message["data"] });
    }
  }

  end(): void {
    this.isEnded = true;
  }

  get kinds(): string[] {
    return this.messages.map(({ event }) => event);
  }
}

/** A director whose one worker has so many calls in flight. */
function setUp() {
  const clock = new ManualClock();
  const state = { inFlight: 0, reads: 0, failure: "", isClosed: false, isEnded: false };
  const member = (): WireMember =>
    Member.fromPartial({ memberId: "w1", state: MemberState.ALIVE, slots: 8, load: { inFlight: state.inFlight } });
  const reader = {
    read: () => {
      state.reads += 1;
      if (state.failure !== "") return Promise.reject(new Error(state.failure));
      const stats = GetStatsResponse.fromPartial({ uptimeMs: BigInt(state.reads * 1_000) });
      return Promise.resolve({ members: [member()], stats, cluster: undefined, agents: [] });
    },
    watchEvents: () => Promise.resolve(),
    close: () => {
      state.isClosed = true;
    },
  } as unknown as DirectorReader;
  const ended = () => {
    state.isEnded = true;
  };
  const feed = new ClusterFeed({ clock, reader, readings: new ClusterReadings("d1"), life: "a", ended });
  const watch = (lastId = "") => {
    const viewer = new Reader();
    feed.add(viewer, lastId);
    return viewer;
  };
  const second = async () => {
    await clock.advance(1_000);
    await settle();
  };
  return { clock, state, feed, watch, second };
}

describe("ClusterFeed", () => {
  it("tells how things are, then every second what changed, with rising ids", async () => {
    const { state, watch, second, feed } = setUp();
    const viewer = watch();
    await settle();
    state.inFlight = 3;
    await second();
    await second();
    expect(viewer.messages.map(({ id, event }) => `${id} ${event}`)).toEqual([
      "a-1 snapshot",
      "a-2 delta",
      "a-3 delta",
    ]);
    const [snapshot, changed, same] = viewer.messages;
    expect(snapshot!.data.rows).toHaveLength(1);
    const index = snapshot!.data.fields.indexOf("inFlight");
    expect(changed!.data.changed).toEqual([[1, index, 3]]);
    // Of a worker of which nothing changed, nothing is said.
    expect(same!.data.changed).toBeUndefined();
    feed.stop();
  });

  it("asks once for all who watch, and not at all when nobody has for a while", async () => {
    const { state, watch, second, feed } = setUp();
    const viewers = [watch(), watch(), watch()];
    await settle();
    await second();
    expect(state.reads).toBe(2);
    for (const viewer of viewers) feed.remove(viewer);
    for (let seconds = 0; seconds < 20; seconds += 1) await second();
    const { reads } = state;
    await second();
    expect({ reads: state.reads, isClosed: state.isClosed, isEnded: state.isEnded }).toEqual({
      reads,
      isClosed: true,
      isEnded: true,
    });
  });

  it("asks nothing any more when nobody came for whom it was made", async () => {
    const { clock, state, second } = setUp();
    for (let seconds = 0; seconds < 20; seconds += 1) await second();
    expect(state).toMatchObject({ isClosed: true, isEnded: true });
    expect(clock.pendingTimers).toBe(0);
  });

  it("goes on for who comes back where they left, and starts over for who was away too long or elsewhere", async () => {
    const { watch, second, feed } = setUp();
    const first = watch();
    await settle();
    await second();
    feed.remove(first);
    await second();
    expect(watch("a-2").messages.map(({ id, event }) => `${id} ${event}`)).toEqual(["a-3 delta"]);
    expect(watch("a-3").kinds).toEqual([]);
    expect(watch("b-2").kinds).toEqual(["snapshot"]);
    expect(watch("a-99").kinds).toEqual(["snapshot"]);
    for (let seconds = 0; seconds < 130; seconds += 1) await second();
    expect(watch("a-3").kinds).toEqual(["snapshot"]);
    feed.stop();
  });

  it("sends a slow reader nothing, and when it has read, how things are then; the others wait for nobody", async () => {
    const { watch, second, feed } = setUp();
    const slow = watch();
    const quick = watch();
    await settle();
    slow.isFull = true;
    for (let seconds = 0; seconds < 5; seconds += 1) await second();
    expect(slow.kinds).toEqual(["snapshot"]);
    expect(quick.kinds).toHaveLength(6);
    slow.isFull = false;
    feed.drained(slow);
    await second();
    expect(slow.messages.map(({ id, event }) => `${id} ${event}`)).toEqual([
      "a-1 snapshot",
      "a-6 snapshot",
      "a-7 delta",
    ]);
    feed.stop();
  });

  it("says that its director does not answer, since when, and that it does again", async () => {
    const { state, watch, second, feed } = setUp();
    const viewer = watch();
    await settle();
    state.failure = "connection refused";
    await second();
    await second();
    state.failure = "";
    await second();
    const [, broke, still, back] = viewer.messages;
    expect(broke!.data.trouble).toEqual({ message: "connection refused", sinceUnixMs: broke!.data.atUnixMs });
    expect(still!.data.trouble?.sinceUnixMs).toBe(broke!.data.atUnixMs);
    expect(back!.data.trouble).toBeNull();
    feed.stop();
    expect(viewer.isEnded).toBe(true);
  });
});
