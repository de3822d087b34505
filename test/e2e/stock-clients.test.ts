import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { findGrpcurl } from "../../scripts/grpcurl";
import { Cluster, type Started } from "../support/cluster";

jest.setTimeout(60_000);

const run = promisify(execFile);
const BUF = resolve("node_modules/.bin/buf");
const CONTRACT = resolve("test/e2e/contract");
const ECHO = { task: "echo", input: Buffer.from("hello").toString("base64") };

interface Output {
  readonly code: number;
  readonly text: string;
}

let cluster: Cluster;
let director: Started;

/** Runs a program with this standard input; a failure is an ordinary answer. */
async function ask(program: string, args: readonly string[], input = ""): Promise<Output> {
  const running = run(program, [...args], { timeout: 30_000 });
  running.child.stdin?.end(input);
  return await running.then(
    ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      text: error.stdout + error.stderr,
    }),
  );
}

beforeAll(async () => {
  cluster = await Cluster.open("the embedded store");
  director = await cluster.director();
  await cluster.worker("a", { env: { WORKER_TAGS: "zone=n" } });
  const args = ["worker", "--proto", join(CONTRACT, "ledger.proto"), "--handlers", join(CONTRACT, "ledger.js")];
  const env = { LEDGER_FILE: join(await cluster.processes.folder, "ledger.txt") };
  await cluster.worker("ledger", { args, env });
  await cluster.whenReady(cluster.connect(), ["a", "ledger"]);
});

afterAll(async () => {
  await cluster.close();
});

describe("buf curl through a director that was never compiled with the service", () => {
  const curl = (method: string, data: string, ...more: string[]) =>
    ask(
      BUF,
      [
        ...["curl", "--protocol", "grpc", "--http2-prior-knowledge", ...more, "--data", "@-"],
        `http://${director.address}/${method}`,
      ],
      data,
    );

  it("lists what workers serve beside the director's own", async () => {
    const listed = await ask(BUF, [
      ...["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--list-services", `http://${director.address}`],
    ]);
    expect(listed.text.split("\n")).toEqual(
      expect.arrayContaining([
        "heddle.compute.v1.ComputeService",
        "heddle.inference.v1.InferenceService",
        "heddle.v1.DirectorService",
        "ledger.v1.LedgerService",
      ]),
    );
  });

  it("calls a unary method, a server stream and a bidirectional one", async () => {
    const unary = await curl("heddle.compute.v1.ComputeService/Execute", JSON.stringify(ECHO));
    expect(JSON.parse(unary.text)).toMatchObject({ output: ECHO.input, workerLabel: "a" });
    const listed = await curl("ledger.v1.LedgerService/List", '{"number": 3}');
    expect(listed.text.match(/"number"/g)).toHaveLength(3);
    const chat = await curl("ledger.v1.LedgerService/Chat", '{"text":"x"}{"text":"y"}');
    expect([...chat.text.matchAll(/"text":\s*"(.)!"/g)].map(([, text]) => text)).toEqual(["x", "y"]);
    const tokens = '{"prompt":"p","maxTokens":"2","tokenIntervalMs":1}';
    const generated = await curl("heddle.inference.v1.InferenceService/Generate", tokens);
    expect([...generated.text.matchAll(/"sequence":\s*"(\d)"/g)].map(([, sequence]) => sequence)).toEqual(["1", "2"]);
  });

  it("shows the status that a worker chose", async () => {
    const { code, text } = await curl("ledger.v1.LedgerService/Reject", "{}");
    expect(code).not.toBe(0);
    expect(text).toMatch(/failed_precondition/);
    expect(text).toContain("not now");
  });
});

const found = findGrpcurl();
const missing = "missing" in found ? ` (skipped: ${found.missing})` : "";
// Skipped where there is neither grpcurl nor Go to build it; the name says so.
const describeGrpcurl = missing === "" ? describe : describe.skip;

describeGrpcurl(`grpcurl through a director that was never compiled with the service${missing}`, () => {
  const program = "path" in found ? found.path : "";
  const grpcurl = (...args: string[]) => ask(program, ["-plaintext", "-max-time", "20", ...args]);

  it("lists and describes what workers serve beside the director's own", async () => {
    const listed = await grpcurl(director.address, "list");
    expect(listed.text.split("\n")).toEqual(
      expect.arrayContaining([
        "grpc.health.v1.Health",
        "heddle.compute.v1.ComputeService",
        "heddle.inference.v1.InferenceService",
        "heddle.v1.DirectorService",
        "ledger.v1.LedgerService",
      ]),
    );
    const described = await grpcurl(director.address, "describe", "ledger.v1.LedgerService");
    expect(described.text).toContain("rpc Chat ( stream .ledger.v1.Entry ) returns ( stream .ledger.v1.Entry );");
    const message = await grpcurl(director.address, "describe", "heddle.compute.v1.ExecuteRequest");
    expect(message.text).toContain("map<string, string> parameters = 3;");
  });

  it("calls a unary method with routing metadata, a server stream and a bidirectional one", async () => {
    const unary = await grpcurl(
      ...["-v", "-H", "heddle-match: zone=n", "-d", JSON.stringify(ECHO)],
      ...[director.address, "heddle.compute.v1.ComputeService/Execute"],
    );
    expect(unary.text).toMatch(/"workerLabel": "a"/);
    expect(unary.text).toMatch(/Response trailers received:[^]*heddle-attempts: 1[^]*heddle-worker: a/);
    const listed = await grpcurl("-d", '{"number": 3}', director.address, "ledger.v1.LedgerService/List");
    expect(listed.text.match(/"number"/g)).toHaveLength(3);
    const chat = await grpcurl("-d", '{"text":"x"}{"text":"y"}', director.address, "ledger.v1.LedgerService/Chat");
    expect([...chat.text.matchAll(/"text": "(.)!"/g)].map(([, text]) => text)).toEqual(["x", "y"]);
  });

  it("shows the status that a worker chose, and the director's own", async () => {
    const rejected = await grpcurl(director.address, "ledger.v1.LedgerService/Reject");
    expect(rejected.text).toMatch(/Code: FailedPrecondition\s+Message: not now/);
    const refused = await grpcurl(
      ...["-d", '{"policy":"best"}', director.address, "heddle.v1.DirectorService/SetBalancing"],
    );
    expect(refused.text).toMatch(/Code: InvalidArgument\s+Message: \[INVALID_ARGUMENT\] balancing policy is "best"/);
    const health = await grpcurl(director.address, "grpc.health.v1.Health/Check");
    expect(health.text).toContain('"status": "SERVING"');
  });
});
