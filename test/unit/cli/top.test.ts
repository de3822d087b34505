import { keysOf } from "../../../src/cli/keys";
import { cutTo, displayWidth, printable } from "../../../src/cli/printable";
import { ansiLine, fitText, plainLine } from "../../../src/cli/styled-text";
import { age, bar, count, latency, rate } from "../../../src/cli/top/figures";
import { chosenRows, INITIAL_STATE, offsetOf, press, type TopState } from "../../../src/cli/top/state";
import { SampleWindow, topData } from "../../../src/cli/top/top-data";
import { pageHeight, renderTop, type Size } from "../../../src/cli/top/view";
import { nodeSample, topSample } from "./top-sample";

const FRESH = { ageMs: 400, failure: "" };
const WIDE: Size = { columns: 130, rows: 16 };

const NODES = [
  nodeSample("w1"),
  nodeSample("w2", { inFlight: 8, counts: { started: 9, ended: 5_990, failed: 10 }, p99Ms: 1_500 }),
  nodeSample("w3", { state: "dead", ready: false, notReadyReason: "dead", phi: 12.5, inFlight: 3 }),
  nodeSample("w4", { intent: "draining", state: "draining", ready: false, intentBy: "ann", intentReason: "kernel" }),
  nodeSample("w10", { slots: 0, lastHeartbeatUnixMs: 0, home: "d2", state: "suspect", ready: false }),
];
const EARLIER = topSample(
  NODES.map((node) => ({ ...node, counts: { started: 0, ended: 490, failed: 0 } })),
  { atMs: 5_000, counts: { started: 0, ended: 1_900, failed: 10 }, latencyCounts: [1_000, 1_000, 1_000, 1_000] },
);
const DATA = topData(topSample(NODES), EARLIER);

const screen = (state: Partial<TopState> = {}, size = WIDE, fresh = FRESH, data: typeof DATA | undefined = DATA) =>
  renderTop(data, { ...INITIAL_STATE, ...state }, fresh, size).map(plainLine);

/** What the person sees after these keys, and what came of the last one. */
function type(keys: readonly string[], from: Partial<TopState> = {}, data = DATA) {
  let pressed = press({ ...INITIAL_STATE, ...from }, "none", [], 0);
  for (const key of keys) pressed = press(pressed.state, key, chosenRows(data.rows, pressed.state), pageHeight(WIDE));
  return pressed;
}

describe("heddle top, as a screen", () => {
  it("shows the cluster's figures and a line for each node, a full one unlike one that is gone", () => {
    expect(screen()).toMatchInlineSnapshot(`
     [
       "heddle top  prod   asked d1 10.0.0.1:61000   leader d2   directors 2",
       "healthy   nodes 2 of 5 ready   policy peak-ewma",
       "calls/s 2,000   failures/s 2   in flight 14   queue 0   p50 6ms   p99 100ms",
       "",
       "NODE▼  STATE          INTENT       SLOTS             IN FL  CALLS/S     P50     P99  ERR/S    PHI    BEAT  HOME",
       "w1     ● ready        serving      ██░░░░░░ 2/8          2      100   1.3ms    12ms      2    0.2    0.4s  d1",
       "w2     ■ FULL         serving      ████████ 8/8          8    1,100   1.3ms    1.5s      2    0.2    0.4s  d1",
       "w3     ╳ DEAD         serving      ········ -/8          3      100   1.3ms    12ms      2   12.5    0.4s  d1",
       "w4     ▽ draining     draining     ██░░░░░░ 2/8          2      100   1.3ms    12ms      2    0.2    0.4s  d1",
       "w10    ? suspect      serving      no bound              2      100   1.3ms    12ms      2    0.2       -  d2",
       "",
       "",
       "",
       "",
       "",
       "q quit  ↑↓ PgUp PgDn  Enter node  / filter  d drain  c cordon  r resume  sort: C calls L p99 E errors N name  ? all keys",
     ]
    `);
  });

  it("leaves out on a narrow screen what matters least", () => {
    expect(screen({}, { columns: 66, rows: 11 })).toMatchInlineSnapshot(`
     [
       "heddle top  prod   asked d1 10.0.0.1:61000   leader d2   director…",
       "healthy   nodes 2 of 5 ready   policy peak-ewma",
       "calls/s 2,000   failures/s 2   in flight 14   queue 0   p50 6ms",
       "",
       "NODE▼  STATE          IN FL  CALLS/S     P99  ERR/S    BEAT",
       "w1     ● ready            2      100    12ms      2    0.4s",
       "w2     ■ FULL             8    1,100    1.5s      2    0.4s",
       "w3     ╳ DEAD             3      100    12ms      2    0.4s",
       "w4     ▽ draining         2      100    12ms      2    0.4s",
       "w10    ? suspect          2      100    12ms      2       -",
       "q quit  ↑↓ PgUp PgDn  Enter node  / filter  d drain  c cordon  r …",
     ]
    `);
  });

  it("marks what is old with its age, and says why and that it asks again", () => {
    const lines = renderTop(DATA, INITIAL_STATE, { ageMs: 12_400, failure: "[DIRECTOR_UNREACHABLE] gone" }, WIDE);
    expect(plainLine(lines[3]!)).toBe(" STALE: as of 12s ago  asking again: [DIRECTOR_UNREACHABLE] gone");
    expect(new Set(lines.slice(6, 10).flatMap((line) => line.map(({ style }) => style)))).toEqual(new Set(["dim"]));
  });

  it("says before the first answer whom it asks and how to name another", () => {
    expect(
      renderTop(undefined, INITIAL_STATE, { ageMs: undefined, failure: "no director answers" }, WIDE)
        .map(plainLine)
        .slice(0, 3),
    ).toEqual([
      "no director answers; asking again",
      "no director answers",
      "Try: heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)",
    ]);
  });

  it("shows all about one node", () => {
    expect(screen({ page: "node", selectedId: "w4" }, { columns: 100, rows: 26 })).toMatchInlineSnapshot(`
     [
       "heddle top  prod   asked d1 10.0.0.1:61000   leader d2   directors 2",
       "healthy   nodes 2 of 5 ready   policy peak-ewma",
       "calls/s 2,000   failures/s 2   in flight 14   queue 0   p50 6ms   p99 100ms",
       "",
       "",
       "w4  ▽ draining",
       "label           w4",
       "address         127.0.0.1:62001",
       "reason          beats and answers",
       "intent          draining by ann: kernel",
       "slots           █████░░░░░░░░░░░░░░░ 2 of 8 in use",
       "in flight       2",
       "calls/s         100",
       "errors/s        2",
       "latency         p50 1.3ms   p99 12ms",
       "calls           1,000 since the director started, 10 failed",
       "load            CPU 25 %   memory 50 %   event loop 1.5ms",
       "phi             0.20",
       "last heartbeat  0.4s ago",
       "home            d1",
       "role            worker",
       "version         0.1.0",
       "tags            zone=a",
       "services        heddle.compute.v1.ComputeService",
       "",
       "Esc back  d drain  c cordon  r resume  q back",
     ]
    `);
  });

  it("asks before it acts, and shows the command that does the same", () => {
    const { state } = type(["down", "d"]);
    expect(screen(state).at(-1)).toBe(
      " Drain w2: no new calls, those it has may finish within 30m? y/N   the same as: heddle nodes drain w2",
    );
  });

  it.each([
    [200, 60],
    [130, 16],
    [80, 24],
    [40, 10],
    [12, 7],
    [1, 1],
  ])("fills a screen of %i x %i and never more", (columns, rows) => {
    for (const page of ["nodes", "node", "help"] as const) {
      const lines = renderTop(DATA, { ...INITIAL_STATE, page, selectedId: "w1" }, FRESH, { columns, rows });
      expect(lines).toHaveLength(rows);
      for (const line of lines)
        expect(displayWidth(line.map(({ text }) => text).join(""))).toBeLessThanOrEqual(columns);
    }
  });

  it("a name of a node neither steers the terminal nor breaks the line", () => {
    expect(printable("a\u001b[2Jb\nc\u202ed")).toBe("a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
  });
});

describe("heddle top, at the keys", () => {
  const ids = (state: Partial<TopState>) => chosenRows(DATA.rows, { ...INITIAL_STATE, ...state }).map(({ id }) => id);

  it.each([
    ["N", ["w1", "w2", "w3", "w4", "w10"]],
    ["S", ["w3", "w10", "w2", "w4", "w1"]],
    ["C", ["w2", "w1", "w3", "w4", "w10"]],
    ["L", ["w2", "w1", "w3", "w4", "w10"]],
    ["I", ["w2", "w3", "w1", "w4", "w10"]],
    ["P", ["w3", "w1", "w2", "w4", "w10"]],
    ["B", ["w1", "w2", "w3", "w4", "w10"]],
  ])("%s sorts, and a second time the other way", (key, expected) => {
    const once = type([key], { sort: "errors" }).state;
    expect(ids(once)).toEqual(expected);
    expect(type([key], once).state.reversed).toBe(true);
  });

  it("numbers in names count as numbers, both ways", () => {
    expect(ids(type(["N"]).state)).toEqual(["w10", "w4", "w3", "w2", "w1"]);
  });

  it("a filter looks at names, states, homes and tags, and Esc clears it", () => {
    expect(ids(type(["/", ..."dead"]).state)).toEqual(["w3"]);
    expect(ids(type(["/", ..."d2 w", "enter"]).state)).toEqual(["w10"]);
    expect(ids(type(["/", ..."dead", "backspace", "backspace", "enter", "escape"]).state)).toHaveLength(5);
    expect(screen(type(["/", ..."nope", "enter"]).state)[5]).toMatch(/^none of 5 nodes has "nope"/);
  });

  it("keys of actions are letters while a filter is typed", () => {
    expect(type(["/", "d", "q"]).state).toMatchObject({ filter: "dq", pending: undefined });
  });

  it("nothing but y is a yes", () => {
    expect(type(["c", "y"]).order).toEqual({ action: "cordon", nodeId: "w1" });
    for (const key of ["n", "enter", "q", "escape", "c", "d"]) {
      const { order, quit, state } = type(["c", key]);
      expect([order, quit, state.notice]).toEqual([undefined, undefined, "w1 stays as it is"]);
    }
  });

  it("acts on the node of the page that is open", () => {
    expect(type(["down", "down", "enter", "r", "y"]).order).toEqual({ action: "resume", nodeId: "w3" });
  });

  it("q leaves a page first and then the program; Ctrl-C leaves from anywhere", () => {
    expect(type(["enter", "q"])).toMatchObject({ state: { page: "nodes" } });
    expect([type(["q"]).quit, type(["enter", "ctrl-c"]).quit, type(["/", "ctrl-c"]).quit]).toEqual([true, true, true]);
  });

  it("pages through a thousand nodes, and the selection is always on the screen", () => {
    const many = topData(topSample(Array.from({ length: 1_000 }, (_, index) => nodeSample(`w${index}`))), undefined);
    const height = pageHeight(WIDE);
    let { state } = type([]);
    const seen = new Set<string>();
    for (let turn = 0; turn <= 1_000; turn += height) {
      const rows = chosenRows(many.rows, state);
      const offset = offsetOf(rows, state, height);
      for (const { id } of rows.slice(offset, offset + height)) seen.add(id);
      ({ state } = press(state, "page-down", rows, height));
      expect(screen(state, WIDE, FRESH, many).join("\n")).toContain(`${state.selectedId} `);
    }
    expect(seen.size).toBe(1_000);
    expect(type(["end", "down", "page-down"], {}, many).state.selectedId).toBe("w999");
    expect(type(["end", "home", "up"], {}, many).state.selectedId).toBe("w0");
  });

  it("a node that vanishes leaves the selection where it was", () => {
    const { state } = type(["down", "down"]);
    const fewer = topData(topSample(NODES.filter(({ id }) => id !== state.selectedId)), undefined);
    expect(press(state, "d", chosenRows(fewer.rows, state), 10).state.pending?.nodeId).toBe("w4");
  });

  it("reads what terminals send for keys, several at a time, and lets other sequences by", () => {
    expect(keysOf("\u001b[A\u001bOBq\r\u007f\u0003")).toEqual(["up", "down", "q", "enter", "backspace", "ctrl-c"]);
    expect(keysOf("\u001b")).toEqual(["escape"]);
    expect(keysOf("\u001b[5~\u001b[6~\u001b[1;5C\u001bOPx")).toEqual(["page-up", "page-down", "x"]);
    expect(keysOf("é/ü\u0001")).toEqual(["é", "/", "ü"]);
  });
});

describe("heddle top, in figures", () => {
  it("rates are differences over the time between two samples", () => {
    expect(DATA).toMatchObject({ callsPerSecond: 2_000, failuresPerSecond: 2 });
    expect(DATA.rows[1]).toMatchObject({ id: "w2", callsPerSecond: 1_100, failuresPerSecond: 2 });
  });

  it("latencies come from the differences of the histogram", () => {
    // Of the 1,000 calls between the samples 900 took 1 to 10 ms, 90 more up to 100 ms, and 10 longer than that.
    expect(DATA.p50Ms).toBeCloseTo(1 + (9 * 500) / 900);
    expect(DATA.p99Ms).toBeCloseTo(100);
    expect(topData(topSample([]), topSample([])).p50Ms).toBeUndefined();
  });

  it("knows no rates after the first sample, and none across a change of the director or its restart", () => {
    const window = new SampleWindow();
    window.add(topSample(NODES));
    expect(window.data()?.callsPerSecond).toBeUndefined();
    window.add(topSample(NODES, { atMs: 11_000, uptimeMs: 61_000 }));
    expect(window.data()?.callsPerSecond).toBe(0);
    window.add(topSample(NODES, { atMs: 12_000, uptimeMs: 500 }));
    expect(window.data()?.callsPerSecond).toBeUndefined();
    window.add(topSample(NODES, { atMs: 13_000, uptimeMs: 1_500 }));
    const other = { id: "d2", address: "", httpAddress: "" };
    window.add(topSample(NODES, { atMs: 14_000, uptimeMs: 2_500, director: other }));
    expect(window.data()?.callsPerSecond).toBeUndefined();
  });

  it("keeps five seconds of samples, and no more", () => {
    const window = new SampleWindow();
    for (let second = 0; second <= 60; second += 1) {
      const counts = { started: 0, ended: second < 50 ? 0 : (second - 50) * 100, failed: 0 };
      window.add(topSample([], { atMs: second * 1_000, uptimeMs: second * 1_000, counts }));
    }
    expect(window.data()?.callsPerSecond).toBe(100);
  });

  it("writes figures short, and - for what is not known", () => {
    expect([rate(undefined), rate(0), rate(0.01), rate(2.04), rate(12.4), rate(1_234.5)]).toEqual([
      "-",
      "0",
      "<0.1",
      "2",
      "12",
      "1,235",
    ]);
    expect([latency(undefined), latency(0.123), latency(8.04), latency(120.4), latency(3_400)]).toEqual([
      "-",
      "0.12ms",
      "8ms",
      "120ms",
      "3.4s",
    ]);
    expect([age(undefined), age(400), age(12_400), age(190_000), age(7_500_000)]).toEqual([
      "-",
      "0.4s",
      "12s",
      "3m10s",
      "2h5m",
    ]);
    expect([count(0), count(1_234_567), bar(0.5, 4), bar(0.01, 4), bar(2, 4), bar(0, 4)]).toEqual([
      "0",
      "1,234,567",
      "██░░",
      "█░░░",
      "████",
      "░░░░",
    ]);
  });

  it("measures texts as terminals show them", () => {
    expect([displayWidth("日本"), cutTo("日本語", 5), fitText("é", 3), fitText("12", 4, "right")]).toEqual([
      4,
      "日本…",
      "é  ",
      "  12",
    ]);
    expect([ansiLine([{ text: "a", style: "red" }], true), ansiLine([{ text: "a", style: "red" }], false)]).toEqual([
      "\u001b[31ma\u001b[0m",
      "a",
    ]);
  });
});
