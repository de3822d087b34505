import { execFile, type ExecFileException } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { makeCertificates } from "../support/certificates";
import { Cluster, type Started } from "../support/cluster";
import { BIN, eventually, type RunningProcess } from "../support/processes";

jest.setTimeout(60_000);

const COMPUTE = "heddle.compute.v1.ComputeService";
const PATIENCE_MS = 30_000;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let cluster: Cluster;
let director: Started;
let folder: string;

function run(file: string, args: readonly string[], env: Record<string, string> = {}, input = ""): Promise<Ran> {
  const base = { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, USER: "ann", DIRECTOR_ADDR: director.address };
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...base, ...env }, timeout: PATIENCE_MS };
    const child = execFile(file, [...args], options, (error: ExecFileException | null, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
    child.stdin?.end(input);
  });
}

/** The program that the package installs, with these arguments. */
const heddle = (...args: string[]) => run(process.execPath, [join(BIN, "heddle.js"), ...args]);
const heddleIn = (env: Record<string, string>, ...args: string[]) =>
  run(process.execPath, [join(BIN, "heddle.js"), ...args], env);

/** What a command prints with --json, which ends well. */
async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await heddle(...args, "--json");
  expect([args.join(" "), code, err]).toEqual([args.join(" "), 0, expect.any(String)]);
  return JSON.parse(out) as T;
}

interface Node {
  readonly id: string;
  readonly intent: string;
  readonly reason: string;
  readonly setBy: string;
  readonly condition: string;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heddle-cli-"));
  cluster = await Cluster.open("the embedded store");
  director = await cluster.director({ env: { HEDDLE_DIRECTOR_ID: "director-1", HEDDLE_HTTP_ADDR: "127.0.0.1:0" } });
  const env = { WORKER_SLOTS: "4" };
  await Promise.all(["node-a", "node-b"].map((label) => cluster.worker(label, { env })));
  await cluster.whenReady(cluster.connect(), ["node-a", "node-b"]);
  const program = join(folder, "heddle");
  await writeFile(program, `#!/bin/sh\nexec ${process.execPath} ${join(BIN, "heddle.js")} "$@"\n`);
  await chmod(program, 0o755);
});

afterAll(async () => {
  await cluster.close();
  await rm(folder, { recursive: true, force: true });
});

describe("heddle, as it is installed, on a real cluster", () => {
  it("shows the cluster, its nodes, its directors and how calls are spread", async () => {
    const [status, nodes, verbose, node, directors, leader, balance] = await Promise.all([
      heddle("status"),
      json<Node[]>("nodes", "ls"),
      heddle("nodes", "ls", "--verbose"),
      json<Node & { calls: object; events: { kind: string }[] }>("nodes", "show", "node-a"),
      json<{ id: string; leader: boolean; httpAddress: string }[]>("directors", "ls"),
      heddle("leader"),
      json<{ policy: string; available: string[] }>("balance", "get"),
    ]);
    expect(status.out).toMatch(/^health {5}healthy, 2 of 2 nodes ready, the store answers$/m);
    expect(status.out).toMatch(/^directors {2}1: director-1 leads \(epoch \d+\)$/m);
    expect(nodes.map(({ id, condition }) => [id, condition])).toEqual([
      ["node-a", "ready"],
      ["node-b", "ready"],
    ]);
    expect(verbose.out).toMatch(/^NODE .*P99.*SERVICES/);
    expect([node.id, node.events.some(({ kind }) => kind === "node-joined")]).toEqual(["node-a", true]);
    expect(directors).toEqual([expect.objectContaining({ id: "director-1", leader: true })]);
    expect(leader.out).toMatch(/^director-1 leads, at /);
    expect([balance.policy, balance.available.includes("peak-ewma")]).toEqual(["least-connections", true]);
  });

  it("takes a node out and back, with the reason and the author, by a beginning of its id", async () => {
    const { out } = await heddle("nodes", "cordon", "node-a", "--reason", "fan is loud");
    expect(out).toBe("node-a gets no new calls; those it has go on. Undo: heddle nodes uncordon node-a\n");
    const [shown, explained] = await Promise.all([
      json<Node>("status", "node-a"),
      heddle("explain", `${COMPUTE}/Execute`),
    ]);
    expect(shown).toMatchObject({ intent: "cordoned", reason: "fan is loud", setBy: "ann", condition: "out" });
    expect(explained.out).toMatch(/^node-b would get it, by least-connections$/m);
    expect(explained.out).toMatch(/^node-a +no .*operator: cordoned \(fan is loud\)$/m);
    expect((await heddle("nodes", "uncordon", "node-a")).code).toBe(0);
    const drained = await heddle("nodes", "drain", "node-a", "--json", "--deadline", "1m");
    const phases = drained.out
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { phase: string }).phase);
    expect([drained.code, phases.at(-1)]).toEqual([0, "complete"]);
    expect((await json<Node>("nodes", "resume", "node-a")).intent).toBe("serving");
    expect((await json<Node>("nodes", "standby", "node-b")).intent).toBe("standby");
    expect((await json<Node>("nodes", "maintenance", "node-b", "--reason", "disk")).intent).toBe("maintenance");
    expect((await json<Node>("nodes", "resume", "node-b")).intent).toBe("serving");
    expect((await json<{ intent: string }>("directors", "maintenance", "director-1")).intent).toBe("maintenance");
    expect((await json<{ intent: string }>("directors", "resume", "director-1")).intent).toBe("serving");
  });

  it("places an agent, tells where it is, plans a rebalance and releases it", async () => {
    const added = await json<{ created: boolean }>(
      "assignments",
      "add",
      "mailer",
      "--service",
      COMPUTE,
      "--param",
      "queue=out",
    );
    expect(added.created).toBe(true);
    await eventually(
      "the agent runs",
      async () => (await json<{ state: string }>("assignments", "show", "mail")).state === "running",
    );
    const [listed, plan] = await Promise.all([
      heddle("assignments", "ls"),
      json<{ dryRun: boolean; moves: unknown[] }>("assignments", "rebalance", "--dry-run"),
    ]);
    expect(listed.out).toMatch(/^mailer +running +node-[ab] /m);
    expect(plan).toEqual({ dryRun: true, moves: [] });
    expect(await json("assignments", "rm", "mailer", "--yes")).toEqual({ name: "mailer", released: true });
  });

  it("asks at a terminal before it forgets a node, and without one does not", async () => {
    const alone = await heddle("nodes", "rm", "node-b");
    expect([alone.code, alone.out, alone.err]).toEqual([
      2,
      "",
      expect.stringContaining("Try: heddle nodes rm node-b --yes"),
    ]);
    // util-linux's script gives it a terminal.
    const asked = await run("script", ["-qec", "heddle nodes rm node-b", "/dev/null"], {}, "n\n");
    expect([asked.code, asked.out]).toEqual([1, expect.stringContaining("would be forgotten. Go on? [y/N]")]);
    expect((await json<Node[]>("nodes", "ls")).map(({ id }) => id)).toEqual(["node-a", "node-b"]);
    const colours = await run("script", ["-qec", "heddle status", "/dev/null"], { TERM: "xterm" });
    // eslint-disable-next-line no-control-regex -- colours are what is looked for
    expect(colours.out).toMatch(/\u001b\[32mhealthy\u001b\[0m/);
  });

  it("ends with the exit code that docs/cli.md says, and with what to try next", async () => {
    const refused = await Promise.all([
      heddle("leader", "transfer"),
      heddle("nodes", "exlpode"),
      heddle("balance", "set", "fastest"),
      heddleIn({ HEDDLE_TIMEOUT: "1" }, "nodes", "ls"),
      heddle("nodes", "show", "database-1"),
      heddleIn({ HEDDLE_TLS_CA_FILE: "missing.pem" }, "nodes", "ls"),
    ]);
    expect(refused.map(({ code }) => code)).toEqual([1, 2, 2, 2, 3, 2]);
    for (const { out, err } of refused)
      expect([out, err.trimEnd().split("\n").at(-1)]).toEqual(["", expect.stringMatching(/^Try: /)]);
    // Nobody listens at port 1.
    const unanswered = await heddle("nodes", "ls", "--directors", "127.0.0.1:1", "--timeout", "300ms");
    const why = /no director answers.*\n {2}127\.0\.0\.1:1: nobody listens there\nTry: /;
    expect([unanswered.code, unanswered.err]).toEqual([5, expect.stringMatching(why)]);
  });

  it("ends with exit code 4 at a director that wants a certificate, and says what is wrong with TLS", async () => {
    const { certFile, keyFile, caFile } = await makeCertificates(folder);
    const own = { HEDDLE_TLS_CERT_FILE: certFile, HEDDLE_TLS_KEY_FILE: keyFile, HEDDLE_TLS_CA_FILE: caFile };
    const strict = await cluster.director({ env: { ...own, HEDDLE_TLS_CLIENT_CA_FILE: caFile } });
    const asked = (env: Record<string, string>, ...more: string[]) =>
      heddleIn({ DIRECTOR_ADDR: strict.address, ...env }, "leader", ...more);
    const [known, unknown, plain] = await Promise.all([
      asked(own),
      asked({ HEDDLE_TLS_CA_FILE: caFile }, "--timeout", "2s"),
      asked({}, "--timeout", "2s"),
    ]);
    expect([known.code, unknown.code, plain.code]).toEqual([0, 4, 5]);
    expect(unknown.err).toMatch(
      / {2}127\.0\.0\.1:\d+: it refuses us: .*\nTry: the same with a certificate that the director takes/,
    );
    expect(plain.err).toContain("does it want TLS (HEDDLE_TLS_CA_FILE)?");
    await strict.process.kill();
  });

  it("writes a bundle, shows settings, and completes in bash what the cluster has", async () => {
    const { file } = await json<{ file: string }>("debug");
    const bundle = JSON.parse(gunzipSync(await readFile(join(folder, file))).toString()) as Record<string, unknown[]>;
    expect([bundle["nodes"]?.length, (bundle["events"]?.length ?? 0) > 0]).toEqual([2, true]);
    const config = await heddle("config", "client", "--changed");
    expect(config.out).toContain(director.address);
    const complete = async (line: string) => {
      const script = `source <(heddle completion bash); COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _heddle; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return (await run("bash", ["-c", script])).out.trimEnd().split("\n");
    };
    expect(await complete("heddle nodes drain no")).toEqual(["node-a", "node-b"]);
    expect(await complete("heddle nodes c")).toEqual(["cordon"]);
    expect(await complete("heddle balance set peak-")).toEqual(["peak-ewma"]);
    // What the program needs for no more than its help.
    const loads = `require("${join(BIN, "../cli/program")}"); console.log(Object.keys(require.cache).filter((file) => /grpc-js|winston|fastify|protobuf/.test(file)).length)`;
    expect((await run(process.execPath, ["-e", loads])).out).toBe("0\n");
  });

  it("events tail goes on when the director is killed and comes back, ends with Ctrl-C, and with who reads it", async () => {
    const env = { DIRECTOR_ADDR: director.address, HEDDLE_RECONNECT_MAX_MS: "500" };
    const tail = await cluster.processes.heddle("heddle", {
      args: ["events", "tail", "--json", "--node", "node-a"],
      env,
    });
    await tail.whenLogs('"kind":"intent-changed"');
    await director.process.kill();
    director = await cluster.director({ address: director.address, env: { HEDDLE_DIRECTOR_ID: "director-1" } });
    await cluster.whenReady(cluster.connect(), ["node-a", "node-b"]);
    const from = tail.mark();
    expect((await heddle("nodes", "cordon", "node-a", "--reason", "after the death")).code).toBe(0);
    await tail.whenLogs("after the death", { from });
    expect(revisionsOf(tail)).toEqual([...new Set(revisionsOf(tail))]);
    tail.signal("SIGINT");
    expect(await tail.exited).toEqual({ code: 130, signal: null });
    const cut = await run("bash", ["-c", "set -o pipefail; heddle nodes ls --verbose | true; echo ended $?"]);
    expect(cut).toMatchObject({ err: "", out: expect.stringMatching(/^ended (0|141)\n$/) as string });
  });
});

/** Of what it told of one node; that of a `reset` is told again. */
function revisionsOf({ lines }: RunningProcess): number[] {
  const events = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as { revision: number });
  return events.map(({ revision }) => revision).filter((revision) => revision > 0);
}
