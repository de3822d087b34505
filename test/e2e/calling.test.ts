import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Cluster, type Started } from "../support/cluster";
import { eventually, type Exit, type RunningProcess } from "../support/processes";

jest.setTimeout(120_000);

const HEDDLE = resolve(__dirname, "../../dist/src/bin/heddle.js");

interface Ended extends Exit {
  readonly out: string;
}

describe("heddle call and heddle bench", () => {
  let cluster: Cluster;
  let director: Started;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    director = await cluster.director();
    await cluster.worker("w1", { env: { WORKER_TAGS: "zone=a" } });
    await cluster.worker("w2", { env: { WORKER_TAGS: "zone=b" } });
    await cluster.whenReady(cluster.connect(), ["w1", "w2"]);
  });

  afterAll(() => cluster.close());

  const start = (...args: string[]): Promise<RunningProcess> =>
    cluster.processes.heddle("heddle", { args, env: { DIRECTOR_ADDR: director.address } });

  const run = async (...args: string[]): Promise<Ended> => {
    const running = await start(...args);
    const exit = await running.whenExited();
    return { ...exit, out: running.output };
  };

  /** The same from a shell, which can give input. */
  const shell = (line: string): Promise<RunningProcess> => {
    const env = { DIRECTOR_ADDR: director.address, HEDDLE: `${process.execPath} ${HEDDLE}` };
    return cluster.processes.spawn("sh", { args: ["-c", line], env });
  };

  it("calls a method by the contract of the workers, through the director and straight, and says who answered", async () => {
    const request = '{"task": "echo", "input": "aGVsbG8="}';
    const [proxied, direct, matched] = await Promise.all([
      run("call", "ComputeService/Execute", request, "--worker", "w1", "-v"),
      run("call", "ComputeService/execute", request, "--direct", "--worker", "w2", "-v"),
      run("call", "heddle.compute.v1.ComputeService/Execute", "-d", request, "--match", "zone=b", "--json"),
    ]);
    expect([proxied.code, direct.code, matched.code]).toEqual([0, 0, 0]);
    expect(proxied.out).toMatch(/"output":"aGVsbG8=".*"workerLabel":"w1"/);
    expect(proxied.out).toMatch(/ {2}worker +w1\n {2}attempts +1\n {2}answers +1\n {2}time +[\d.]+m?s/);
    expect(direct.out).toMatch(/"workerLabel":"w2"[^]*worker +w2/);
    expect(JSON.parse(matched.out)).toMatchObject({ output: "aGVsbG8=", workerLabel: "w2" });
  });

  it("sends what comes in on standard input, and prints each answer of a stream on a line", async () => {
    const running = await shell(
      `printf '{"prompt": "hi",\\n "maxTokens": "3", "tokenIntervalMs": 1}' | $HEDDLE call InferenceService/Generate`,
    );
    expect(await running.whenExited()).toMatchObject({ code: 0 });
    const answers = running.lines.map((line) => JSON.parse(line) as Record<string, { sequence?: string }>);
    expect(answers.map((answer) => Object.keys(answer)[0])).toEqual(["connected", "token", "token", "token", "done"]);
    expect(answers.slice(1, 4).map(({ token }) => token?.sequence)).toEqual(["1", "2", "3"]);
  });

  it("answers of a conversation are printed while its input is open, and Ctrl-C ends it", async () => {
    // The program itself holds the other end of its input, so that never ends.
    const running = await shell(
      `mkfifo in && exec 3<>in && echo '{"prompt": "hi"}' >&3 && exec $HEDDLE call InferenceService/Generate <in`,
    );
    await running.whenLogs(/"sequence":"2"/);
    running.signal("SIGINT");
    expect(await running.whenExited()).toMatchObject({ code: 130 });
    expect(running.lines.at(-1)).toMatch(/^Cancelled after \d+ messages\.$/);
  });

  it("lists what can be called, and describes a method with a request to fill in", async () => {
    const [all, one, described] = await Promise.all([
      run("call"),
      run("call", "computeservice", "--json"),
      run("call", "ComputeService/Execute", "--describe"),
    ]);
    expect(all.out).toMatch(/^heddle\.compute\.v1\.ComputeService\n {2}Execute\(heddle\.compute\.v1\.ExecuteRequest\)/);
    expect(JSON.parse(one.out)).toMatchObject([
      { method: "heddle.compute.v1.ComputeService/Execute", idempotent: true },
      { method: "heddle.compute.v1.ComputeService/ExecuteStream", responseStream: true },
    ]);
    expect(described.out).toContain("map<string, string> parameters = 3;");
    expect(described.out).toContain(`'{"task":"","input":"","parameters":{"key":""}}'`);
  });

  it.each([
    [
      ["call", "ComputeService/Execute", '{"taks": "echo"}'],
      2,
      /taks.*unknown field[^]*Try: heddle call .* --describe/,
    ],
    [["call", "ComputeService/Execute", '{"task": "nope"}'], 3, /^NOT_FOUND: there is no task "nope"[^]*Try: /],
    [["bench", "ComputeService/Execute", "--rate", "0"], 2, /--rate[^]*Try: heddle bench --help/],
  ] as const)("heddle %j ends with %i and says what to try", async (args, code, words) => {
    const ended = await run(...args);
    expect([ended.code, ended.out]).toEqual([code, expect.stringMatching(words)]);
  });

  it("measures a closed loop, and tells who answered and what failed", async () => {
    const [well, failing] = await Promise.all([
      run("bench", "ComputeService/Execute", '{"task": "echo"}', "--calls", "200", "--concurrency", "4"),
      run("bench", "ComputeService/Execute", '{"task": "fail"}', "--calls", "20", "--json"),
    ]);
    expect(well.code).toBe(0);
    expect(well.out).toMatch(/calls +200 in [\d.]+s, 0 failed\ncalls\/s +[\d,]+/);
    expect(well.out).toMatch(/latency +p50 [^]*≤ [^]*█[^]*workers\n {2}w\d +\d+ +[\d.]+ %\n {2}w\d/);
    expect(failing.code).toBe(1);
    expect(JSON.parse(failing.out.split("\n").at(-1)!)).toMatchObject({
      calls: 20,
      failed: 20,
      failures: { INTERNAL: 20 },
    });
  });

  it("measures an open loop straight to the workers: every call that is due is made", async () => {
    const args = ["--rate", "100", "--duration", "1s", "--direct", "--json"];
    const { code, out } = await run("bench", "ComputeService/Execute", '{"task": "echo"}', ...args);
    expect(code).toBe(0);
    const report = JSON.parse(out.split("\n").at(-1)!) as { workers: object };
    expect(report).toMatchObject({ loop: "open", calls: 100, failed: 0, unsent: 0, direct: true });
    expect(Object.keys(report.workers).sort()).toEqual(["w1", "w2"]);
  });

  it("Ctrl-C ends a measurement with its report", async () => {
    const running = await start(
      "bench",
      "ComputeService/Execute",
      '{"task": "sleep", "parameters": {"ms": "1"}}',
      "--duration",
      "60s",
    );
    const { calls } = await callsOf(cluster, 20);
    expect(calls).toBeGreaterThanOrEqual(20);
    running.signal("SIGINT");
    expect(await running.whenExited()).toMatchObject({ code: 130 });
    expect(running.output).toMatch(/calls +\d+ in [\d.]+s, 0 failed/);
  });

  /** How many calls the director has passed on, when they are this many more than now. */
  const callsOf = async ({ connect }: Cluster, more: number) => {
    const { director: rpc } = connect.call(cluster);
    const begunAt = Number((await rpc.getStats({})).callsSucceeded);
    let calls = 0;
    await eventually("calls are made", async () => {
      calls = Number((await rpc.getStats({})).callsSucceeded) - begunAt;
      return calls >= more;
    });
    return { calls };
  };
});

const HELLO = `syntax = "proto3";
package hello.v1;
service Hello { rpc Say(SayRequest) returns (SayResponse); }
message SayRequest { string name = 1; }
message SayResponse { string text = 1; }
`;

const handlers = (word: string) => `
exports.say = async ({ name }) => {
  await new Promise((resolve) => setTimeout(resolve, 10));
  return { text: "${word} " + name };
};
`;

describe("heddle dev", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
  });

  afterAll(() => cluster.close());

  it("runs a director and workers, follows a change without a failed call, keeps the old where the new does not start, and stops all", async () => {
    const folder = await cluster.processes.folder;
    await writeFile(join(folder, "hello.proto"), HELLO);
    await writeFile(join(folder, "hello.js"), handlers("Hello"));
    const args = ["dev", "--proto", "hello.proto", "--handlers", "./hello.js", "--workers", "2"];
    // A port of chance: the usual one may be somebody's.
    const env = { DIRECTOR_ADDR: "127.0.0.1:0", HEDDLE_HTTP_ADDR: "127.0.0.1:0", HEDDLE_LOG_LEVEL: "info" };
    const dev = await cluster.processes.heddle("heddle", { args, env });
    await dev.whenLogs("Ctrl-C stops all.");
    const [, address = ""] = /^ +director +(\S+)$/m.exec(dev.output) ?? [];
    const [, url = ""] = /^ +dashboard +(\S+)$/m.exec(dev.output) ?? [];
    expect(dev.output).toMatch(/workers +2 of 2: \.\/hello\.js/);
    expect(dev.output).toContain(`heddle call Hello/Say '{"name":""}' --directors ${address}`);
    expect((await fetch(`${url}healthz`)).status).toBe(200);

    const heddle = async (...words: string[]) => {
      const running = await cluster.processes.heddle("heddle", { args: [...words, "--directors", address] });
      await running.whenExited();
      return running.output;
    };
    expect(await heddle("call", "Hello/Say", '{"name": "you"}')).toBe('{"text":"Hello you"}');

    const load = await cluster.processes.heddle("heddle", {
      args: [
        "bench",
        "Hello/Say",
        '{"name": "you"}',
        "--concurrency",
        "4",
        "--duration",
        "60s",
        "--json",
        "--directors",
        address,
      ],
    });
    await writeFile(join(folder, "hello.js"), handlers("Bye"));
    await dev.whenLogsInOrder([
      /hello\.js has changed/,
      /worker-1 takes calls \(worker-1\.2\)/,
      /worker-1 .*draining/,
      /worker-2 takes calls \(worker-2\.2\)/,
      /worker-2 .*draining/,
    ]);
    expect(await heddle("call", "Hello/Say", '{"name": "you"}', "--worker", "worker-1.2")).toBe('{"text":"Bye you"}');

    await writeFile(join(folder, "hello.js"), "this is no JavaScript");
    await dev.whenLogs(/worker-1 does not start: .*; the one before it goes on/);
    expect(dev.output).toMatch(/--handlers \.\/hello\.js cannot be loaded/);
    load.signal("SIGINT");
    await load.whenExited();
    const report = JSON.parse(load.lines.at(-1)!) as { calls: number; workers: Record<string, number> };
    expect(report).toMatchObject({ failed: 0, workers: { "worker-1.2": expect.any(Number) as number } });
    expect(await heddle("call", "Hello/Say", '{"name": "you"}')).toBe('{"text":"Bye you"}');

    dev.signal("SIGINT");
    expect(await dev.whenExited()).toMatchObject({ code: 130 });
    expect(await heddle("nodes", "ls", "--timeout", "1s")).toMatch(/DIRECTOR_UNREACHABLE/);
  });

  it("ends at once, with what it wrote, where the director cannot start", async () => {
    const env = { DIRECTOR_ADDR: "127.0.0.1:0", HEDDLE_HEARTBEAT_INTERVAL_MS: "nonsense" };
    const dev = await cluster.processes.heddle("heddle", { args: ["dev"], env });
    expect(await dev.whenExited()).toMatchObject({ code: 1 });
    expect(dev.output).toMatch(/the director ended \(exit code 2\)[^]*HEDDLE_HEARTBEAT_INTERVAL_MS/);
  });
});
