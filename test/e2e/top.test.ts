import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { FabricClient } from "../../src/api/client";
import { ComputeServiceDefinition } from "../../src/api/index";
import { Cluster, type Started } from "../support/cluster";
import { HAS_TMUX, Tmux } from "../support/tmux";

jest.setTimeout(120_000);

const HEDDLE = `${process.execPath} ${resolve(__dirname, "../../dist/src/bin/heddle.js")}`;
const LINE_EDITING = String.raw`stty -a | grep -o '.icanon\|.echo '`;
const SIZE = { columns: 132, rows: 26 };

/** The program, at the keys and on the screen of a real terminal. */
const onTerminal = HAS_TMUX ? describe : describe.skip; // The name says why.

describe("heddle top", () => {
  let cluster: Cluster;
  let director: Started;
  let client: FabricClient;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    director = await cluster.director();
    await Promise.all([
      cluster.worker("w1"),
      cluster.worker("w2", { env: { WORKER_SLOTS: "1" } }),
      cluster.worker("w3", { env: { WORKER_SLOTS: "8" } }),
    ]);
    client = cluster.connect();
    await cluster.whenReady(client, ["w1", "w2", "w3"]);
  });

  afterAll(() => cluster.close());

  const env = () => ({ DIRECTOR_ADDR: director.address, USER: "ann" });

  it("prints the cluster once where there is no terminal, and as JSON", async () => {
    const plain = await cluster.processes.heddle("heddle", { args: ["top", "--interval", "200ms"], env: env() });
    expect(await plain.whenExited()).toMatchObject({ code: 0 });
    expect(plain.output).toMatch(/^This is no terminal[^]*heddle top[^]*NODE[^]*\nw1 +● ready[^]*\nw3 +● ready/m);
    expect(plain.output).not.toContain("\u001b");
    const args = ["top", "--json", "--interval", "200ms"];
    const json = await cluster.processes.heddle("heddle", { args, env: env() });
    expect(await json.whenExited()).toMatchObject({ code: 0 });
    expect(JSON.parse(json.output)).toMatchObject({
      readyNodes: 3,
      callsPerSecond: 0,
      nodes: [{ id: "w1" }, { id: "w2", slots: 1, condition: "ready" }, { id: "w3" }],
    });
  });

  onTerminal(`at a terminal${HAS_TMUX ? "" : " (left out: there is no tmux here)"}`, () => {
    let terminal: Tmux;

    beforeEach(async () => {
      const cwd = await cluster.processes.folder;
      const crash = join(cwd, "crash.js");
      await writeFile(crash, `process.on("SIGUSR2", () => { throw new Error("a bug of ours"); });`);
      terminal = new Tmux({ ...SIZE, cwd, env: { ...env(), NODE_OPTIONS: `--require ${crash}` } });
      terminal.enter("echo before");
      await terminal.shows(/^before$/m);
    });

    afterEach(() => terminal.close());

    const start = async () => {
      terminal.enter(`sh -c 'echo $$ > top.pid; exec ${HEDDLE} top --interval 200ms'; echo "code $?"; ${LINE_EDITING}`);
      await terminal.shows(/heddle top/, /nodes 3 of 3 ready/, /w1 +● ready/, /calls\/s \d/);
    };

    /** The shell's screen as it was, its cursor and its line editing with it. */
    const isRestored = async (code: number) => {
      const text = await terminal.shows(new RegExp(`^code ${code}$`, "m"), /^ ?icanon$/m, /^ ?echo *$/m);
      expect(text).toMatch(/^before$/m);
      expect(text).not.toContain("calls/s");
      terminal.enter("echo cursor; echo still here");
      await terminal.shows(/^still here$/m);
    };

    it("shows rates, tells a node that is full from one that is gone, sorts, filters, opens a node, and fits a new size", async () => {
      await start();
      const load = cluster.load(client, { match: "" });
      await terminal.shows(/calls\/s [1-9]/, /failures\/s 0/, /w3 .* [1-9][\d.]* /);
      await load.stop();

      const busy = new AbortController();
      const request = { task: "sleep", parameters: new Map([["ms", "60000"]]) };
      const compute = client.client(ComputeServiceDefinition);
      const call = compute.execute(request, { signal: busy.signal, metadata: { "heddle-worker": "w2" } });
      await terminal.shows(/w2 +■ FULL +serving +████████ 1\/1/);
      terminal.press("I");
      await terminal.shows(/▼?IN FL/, /w2[^]*w1[^]*w3/);
      busy.abort();
      await expect(call).rejects.toThrow("CANCELLED");

      const gone = await cluster.worker("w4", { env: { WORKER_SLOTS: "2" } });
      await terminal.shows(/w4 +● ready/);
      await gone.process.kill();
      await terminal.shows(/w4 +╳ DEAD +serving +········ -\/2/);
      terminal.press("S");
      await terminal.shows(/w4 +╳ DEAD[^]*w1 +● ready/);
      await client.director.removeMember({ memberId: "w4" });

      terminal.press("/", "w", "3");
      await terminal.shows(/filter: w3/, /w3 +● ready/);
      expect(terminal.text).not.toMatch(/^w1/m);
      terminal.press("Enter", "Enter");
      await terminal.shows(/address +127\.0\.0\.1:\d+/, /services +heddle\.compute/, /last heartbeat +0\.\ds ago/);
      terminal.press("q", "Escape");
      await terminal.shows(/w1 +● ready/);

      terminal.resize(60, 9);
      await terminal.shows(/^w1 +● ready/m, /^q quit.*…$/m);
      expect(terminal.lines).toHaveLength(9);
      terminal.resize(SIZE.columns, SIZE.rows);
      await terminal.shows(/^NODE.*INTENT.*SLOTS.*HOME$/m);
      terminal.press("q");
      await isRestored(0);
    });

    it("cordons and resumes a node after a yes, and shows the command that does the same", async () => {
      await start();
      terminal.press("Down", "c");
      await terminal.shows(/Cordon w2: .* y\/N +the same as: heddle nodes cordon w2/);
      terminal.press("n");
      await terminal.shows(/w2 stays as it is/, /w2 +● ready/);
      terminal.press("c", "y");
      await terminal.shows(/done: heddle nodes cordon w2/, /w2 +‖ cordoned/);
      const { member } = await client.director.getMember({ memberId: "w2" });
      expect(member?.intent).toMatchObject({ setBy: "ann" });
      terminal.press("r", "y");
      await terminal.shows(/w2 +● ready/);
      terminal.press("d", "y");
      await terminal.shows(/done: heddle nodes drain w2/, /w2 +▽ draining/);
      terminal.press("r", "y");
      await terminal.shows(/w2 +● ready/);
      terminal.press("C-c");
      await isRestored(0);
    });

    it("marks what it shows as old while no director answers, and goes on by itself when one does", async () => {
      await start();
      await director.process.kill();
      await terminal.shows(/STALE: as of [\d.]+s ago/, /asking again: .*no director answers/, /w1 +● ready/);
      director = await cluster.director({ address: director.address });
      await terminal.shows(/nodes 3 of 3 ready/, /calls\/s [^\n]*\n\nNODE/);
      terminal.press("q");
      await isRestored(0);
    });

    it.each([
      ["SIGTERM", 130],
      ["SIGUSR2", 1],
    ] as const)("gives the terminal back when it ends by %s (of which the second is a crash)", async (signal, code) => {
      await start();
      process.kill(Number(await readFile(join(await cluster.processes.folder, "top.pid"), "utf8")), signal);
      await isRestored(code);
    });
  });
});
