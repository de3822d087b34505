import { reportFailure } from "../../../src/cli/report-failure";
import { tailEvents, type TailOptions } from "../../../src/cli/tail-events";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";
import { Lines } from "../../support/cli/lines";

const [D1, D2] = ["director-1:61000", "director-2:61000"];
const TAIL: TailOptions = { since: undefined, kinds: [], node: "", last: 100, json: true };

interface Told {
  readonly revision: number;
  readonly kind: string;
  readonly node: string;
}

describe("heddle events tail", () => {
  let cluster: MemoryCluster;
  let first: RunningDirector;
  let interrupt: AbortController;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    first = await cluster.director("director-1");
    interrupt = new AbortController();
  });

  afterEach(() => cluster.close());

  /** The tail, and what it told so far. */
  const tail = (options: Partial<TailOptions> = {}) => {
    const terminal = new Lines();
    const operator = cluster.client([D1, D2], { mode: "proxy" }).director;
    const parts = { operator, terminal, clock: cluster.clock, interrupted: interrupt.signal };
    const code = tailEvents(parts, { ...TAIL, ...options }).catch((error: unknown) => reportFailure(terminal, error));
    const told = () => terminal.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Told);
    return { terminal, told, code };
  };

  it("goes on at another director after the last revision when the one it asked dies: nothing missed, nothing twice", async () => {
    const second = await cluster.director("director-2");
    await cluster.worker("w1", [D2, D1]);
    await cluster.untilReady(second, ["w1"]);
    const { told, terminal, code } = tail();
    await cluster.until("it tells of w1", () => told().some(({ node }) => node === "w1"));
    await cluster.crash("director-1");
    await cluster.worker("w2", [D2]);
    await cluster.until("it tells of w2", () => told().some(({ node }) => node === "w2"));
    interrupt.abort();
    expect(await cluster.outcome(code)).toBe(130);
    const revisions = told().map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    expect(told().filter(({ kind }) => kind === "reset")).toEqual([]);
    expect(
      terminal.lines.filter((line) => line.startsWith("! ")).every((line) => line.endsWith("; asking again")),
    ).toBe(true);
  });

  it("begins after a revision that is given, and tells of the kinds and nodes that are asked for alone", async () => {
    await cluster.worker("w1", [D1]);
    await cluster.worker("x2", [D1]);
    await cluster.untilReady(first, ["w1", "x2"]);
    const all = tail();
    await cluster.until("it tells of both", () => new Set(all.told().map(({ node }) => node)).size >= 2);
    const joined = all.told().find(({ node, kind }) => node === "w1" && kind === "node-joined");
    const later = tail({ since: joined?.revision ?? 0 });
    const some = tail({ node: "x", kinds: ["node-joined"] });
    await cluster.until("x2 is told of", () =>
      [later, some].every(({ told }) => told().some(({ node }) => node === "x2")),
    );
    interrupt.abort();
    expect(later.told().filter(({ revision }) => revision <= (joined?.revision ?? Infinity))).toEqual([]);
    expect(some.told().map(({ node, kind }) => [node, kind])).toEqual([["x2", "node-joined"]]);
  });

  it("fails at once where there was never anybody to ask", async () => {
    await cluster.crash("director-1");
    await cluster.clock.advance(5_000);
    const { code, terminal } = tail();
    expect(await cluster.outcome(code)).toBe(1);
    expect(terminal.lines.at(-1)).toMatch(/^! Try: heddle director/);
  });
});
