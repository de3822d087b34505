import { heddleProgram, type Roles } from "../../../src/cli/program";
import { drainNode, type DrainOptions } from "../../../src/cli/drain-node";
import { formatDuration, parseDuration } from "../../../src/cli/duration";
import { listNodes, type ListOptions } from "../../../src/cli/list-nodes";
import { ANSWER_TIMEOUT_MS } from "../../../src/cli/operator";
import { reportFailure } from "../../../src/cli/report-failure";
import { setIntent } from "../../../src/cli/set-intent";
import type { Terminal } from "../../../src/cli/terminal";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";
import { ComputeServiceDefinition } from "../../../src/wire/contract";

const D1 = "director-1:61000";

/** What a command wrote: standard error marked by "! ". */
class Lines implements Terminal {
  readonly lines: string[] = [];
  readonly coloured: boolean;

  constructor(coloured = false) {
    this.coloured = coloured;
  }

  out(line: string): void {
    this.lines.push(line);
  }

  err(line: string): void {
    this.lines.push(`! ${line}`);
  }
}

const DRAIN: DrainOptions = {
  node: "w1",
  reason: "kernel",
  setBy: "ann",
  deadlineMs: undefined,
  force: undefined,
  maintenance: false,
  detach: false,
  json: false,
};

const LIST: ListOptions = {
  states: [],
  role: "",
  match: "",
  service: "",
  quiet: false,
  verbose: false,
  json: false,
};

describe("heddle nodes", () => {
  let cluster: MemoryCluster;
  let director: RunningDirector;
  let interrupt: AbortController;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    director = await cluster.director();
    interrupt = new AbortController();
    await cluster.worker("w1", [D1], { slots: 4 });
    await cluster.worker("w2", [D1]);
    await cluster.untilReady(director, ["w1", "w2"]);
  });

  afterEach(() => cluster.close());

  /** The exit code and the lines of a command. */
  const run = async (
    command: (parts: Parameters<typeof drainNode>[0]) => Promise<number>,
    terminal = new Lines(),
  ): Promise<readonly [number, ...string[]]> => {
    const operator = director.rpc;
    const timeoutMs = ANSWER_TIMEOUT_MS;
    const parts = { operator, terminal, timeoutMs, clock: cluster.clock, interrupted: interrupt.signal };
    const code = await cluster.outcome(command(parts).catch((error: unknown) => reportFailure(terminal, error)));
    return [code, ...terminal.lines];
  };

  const busyFor = async (seconds: number) => {
    const compute = cluster.client([D1], { mode: "proxy" }).client(ComputeServiceDefinition);
    const request = { task: "sleep", parameters: new Map([["ms", String(seconds * 1_000)]]) };
    void compute.execute(request, { timeoutMs: 600_000, metadata: { "heddle-worker": "w1" } }).catch(() => {});
    await cluster.until("the call is in flight", async () => {
      return (await cluster.member(director, "w1"))?.directorInFlight === 1;
    });
  };

  it("drain shows how far it is until no call is in flight, and what to do next", async () => {
    await busyFor(12);
    const [code, ...lines] = await run((parts) => drainNode(parts, { ...DRAIN, node: "w1" }));
    expect(code).toBe(0);
    expect(lines).toEqual([
      "! drain of w1 by ann: kernel (deadline 30m from its start, calls may go on after it)",
      "! Ctrl-C stops watching, not the drain.",
      "! Cancel it: heddle nodes resume w1",
      "    0s  taking out, 1 call in flight, 30m left (waiting until no director picks it)",
      expect.stringMatching(/^ {4}1s {2}finishing, 1 call in flight, 29m59s left$/),
      expect.stringMatching(/^ {4}6s {2}finishing, 1 call in flight, 29m54s left$/),
      expect.stringMatching(/^ {3}1\ds {2}finishing, 1 call in flight, 29m4\ds left$/),
      expect.stringMatching(/^ {3}1\ds {2}complete: no call in flight$/),
      "! w1 may be stopped now. It stays drained until: heddle nodes resume w1",
    ]);
  });

  it("drain --json prints one object for each message and nothing else", async () => {
    const [code, ...lines] = await run((parts) => drainNode(parts, { ...DRAIN, json: true, deadlineMs: 0 }));
    const messages = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([code, messages.at(-1)]).toEqual([
      0,
      {
        id: "w1",
        phase: "complete",
        inFlight: 0,
        measuredBy: "worker",
        elapsedMs: expect.any(Number) as number,
        startedAtUnixMs: expect.any(Number) as number,
        deadlineUnixMs: 0,
        force: false,
        reason: "kernel",
        setBy: "ann",
        intent: "draining",
        detail: "no call is in flight",
      },
    ]);
  });

  it("Ctrl-C stops watching and not the drain, which the same command finds again", async () => {
    await busyFor(20);
    const watching = run((parts) => drainNode(parts, DRAIN));
    await cluster.clock.advance(3_000);
    interrupt.abort();
    const [code, ...lines] = await watching;
    expect([code, ...lines.slice(-2)]).toEqual([
      130,
      "! Stopped watching; the drain goes on.",
      "! Watch it again: heddle nodes drain w1",
    ]);
    interrupt = new AbortController();
    const again = await run((parts) => drainNode(parts, { ...DRAIN, reason: "", setBy: "", deadlineMs: undefined }));
    expect([again[0], again[1]]).toEqual([
      0,
      "! drain of w1 by ann: kernel (deadline 30m from its start, calls may go on after it)",
    ]);
  });

  it("drain --detach begins it and ends; resume ends it; who watches it is told that it was cancelled", async () => {
    await busyFor(20);
    const detached = await run((parts) => drainNode(parts, { ...DRAIN, detach: true, force: true }));
    expect([detached[0], detached.length, detached[1]]).toEqual([
      0,
      4,
      "! drain of w1 by ann: kernel (deadline 30m from its start, calls that go on after it are ended)",
    ]);
    const watching = run((parts) => drainNode(parts, DRAIN));
    await cluster.clock.advance(2_000);
    const serving = { node: "w1", kind: "serving", reason: "", setBy: "ann", json: false } as const;
    expect(await run((parts) => setIntent(parts, serving))).toEqual([0, "w1 takes calls again"]);
    const [code, ...lines] = await watching;
    expect([code, ...lines.slice(-2)]).toEqual([
      1,
      "! error: the drain of w1 was cancelled; its intent is serving",
      "! Try: heddle nodes drain w1",
    ]);
  });

  it("drain goes on watching when the director it asked goes away and comes back", async () => {
    await busyFor(40);
    const watching = run((parts) => drainNode(parts, DRAIN));
    await cluster.clock.advance(3_000);
    await cluster.crash("director-1");
    await cluster.clock.advance(3_000);
    director = await cluster.director();
    const [code, ...lines] = await watching;
    expect([code, lines.some((line) => line.endsWith("; asking again"))]).toEqual([0, true]);
    expect(lines.at(-2)).toMatch(/complete: no call in flight$/);
  });

  it("ls shows who is ready, and who is not and why, aligned", async () => {
    await run((parts) => setIntent(parts, { node: "w2", kind: "cordoned", reason: "fan", setBy: "ann", json: false }));
    const [code, ...lines] = await run((parts) => listNodes(parts, LIST));
    expect([code, ...lines]).toEqual([
      0,
      "NODE  STATE  INTENT    READY  CALLS  ADDRESS  HOME        WHY NOT",
      "w1    alive  serving   yes    0/4    w1:7000  director-1",
      "w2    alive  cordoned  no     0/-    w2:7000  director-1  operator: cordoned (fan)",
    ]);
    const [, text] = await run((parts) => listNodes(parts, { ...LIST, json: true }));
    const nodes = JSON.parse(text!) as Record<string, unknown>[];
    expect(nodes.map(({ id, intent, reason, setBy, ready }) => [id, intent, reason, setBy, ready])).toEqual([
      ["w1", "serving", "", "", true],
      ["w2", "cordoned", "fan", "ann", false],
    ]);
  });

  it("colours only where the terminal shows them", async () => {
    const [, ...plain] = await run((parts) => drainNode(parts, DRAIN));
    expect(plain.join("")).not.toContain("\u001b");
    const [, ...coloured] = await run((parts) => drainNode(parts, DRAIN), new Lines(true));
    expect(coloured.join("")).toContain("\u001b[32mcomplete: no call in flight\u001b[0m");
  });

  it("takes a beginning of an id that one node alone has; else says which there are, with an exit code of its own", async () => {
    const cordon = (node: string) =>
      run((parts) => setIntent(parts, { node, kind: "cordoned", reason: "", setBy: "", json: false }));
    expect(await cordon("w")).toEqual([
      2,
      '! error: "w" is the beginning of 2 nodes: w1, w2',
      "! Try: the same with more of the id, such as w1",
    ]);
    expect(await cordon("x")).toEqual([
      3,
      '! error: no node\'s id is or begins with "x": there are w1, w2',
      "! Try: heddle nodes ls",
    ]);
    await cluster.worker("gpu-7", [D1]);
    await cluster.untilReady(director, ["w1", "w2", "gpu-7"]);
    const undo = "gpu-7 gets no new calls; those it has go on. Undo: heddle nodes uncordon gpu-7";
    expect(await cordon("gpu")).toEqual([0, undo]);
  });

  it("says what to try when no director answers", async () => {
    await cluster.crash("director-1");
    await cluster.clock.advance(5_000);
    const client = cluster.client([D1], { mode: "proxy" });
    director = { ...director, rpc: client.director };
    const [code, error, next] = await run((parts) => listNodes(parts, LIST));
    expect(code).toBe(1);
    expect(error).toMatch(/^! error: \[DIRECTOR_UNREACHABLE\] no director answers: director-1:61000/);
    expect(next).toBe("! Try: heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)");
  });
});

describe("The command line of heddle nodes", () => {
  /** Exit code, and the settings that the command was run with; no command is carried out. */
  const parse = async (...args: string[]) => {
    const seen: { code?: number; directors?: string | undefined } = {};
    const roles = {
      operate: (env) => {
        seen.directors = env["DIRECTOR_ADDR"];
        return Promise.resolve(0);
      },
    } as Partial<Roles> as Roles;
    const program = heddleProgram(roles, { DIRECTOR_ADDR: "a:1" }, "test", (code) => {
      seen.code = code;
      throw new Error("ended");
    });
    const silent = { writeOut: () => {}, writeErr: () => {} };
    for (const command of [program, ...program.commands, ...program.commands.flatMap((each) => each.commands)]) {
      command.configureOutput(silent);
    }
    await program.parseAsync(["nodes", ...args], { from: "user" }).catch(() => {});
    return [seen.code, seen.directors];
  };

  it.each([
    [["ls"], [0, "a:1"]],
    [
      ["ls", "--directors", "b:2"],
      [0, "b:2"],
    ],
    [
      ["drain", "w1", "--deadline", "1h30m", "--force", "--detach", "--json"],
      [0, "a:1"],
    ],
    [
      ["drain", "w1", "--no-deadline"],
      [0, "a:1"],
    ],
    [["drain"], [2, undefined]],
    [
      ["drain", "w1", "--deadline", "soon"],
      [2, undefined],
    ],
    [
      ["drain", "w1", "--deadline", "0s"],
      [2, undefined],
    ],
    [
      ["explode", "w1"],
      [2, undefined],
    ],
    [
      ["ls", "--frobnicate"],
      [2, undefined],
    ],
  ] as const)("%j ends with the exit code and the directors %j", async (args, expected) => {
    expect(await parse(...args)).toEqual(expected);
  });

  it("reads and writes durations", () => {
    const texts = ["500ms", "90s", "30m", "1h30m", "2d", "", "5", "-1s", "1.5h", "m"];
    expect(texts.map(parseDuration)).toEqual([
      500,
      90_000,
      1_800_000,
      5_400_000,
      172_800_000,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    const durationsMs = [0, 1, 9_000, 60_000, 1_799_000, 5_400_000, 93_600_000, -5];
    expect(durationsMs.map(formatDuration)).toEqual(["0s", "1s", "9s", "1m", "29m59s", "1h30m", "1d2h", "0s"]);
  });
});
