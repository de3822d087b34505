import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { FabricClient } from "../../src/api/index";
import { findPythonGrpc } from "../../scripts/python-grpc";
import { loadProtoContract } from "../../src/wire/proto-contract";
import { bufCurl, bufListMethods } from "../support/buf-curl";
import { Cluster, type Started } from "../support/cluster";
import { eventually, freeAddress, type RunningProcess } from "../support/processes";

jest.setTimeout(60_000);

const FOREIGN = resolve("test/e2e/foreign");
const SERVER = join(FOREIGN, "greeter-server.js");
const GREET = "greeter.v1.GreeterService/Greet";

let cluster: Cluster;
let director: Started;
let client: FabricClient;
/** Contract of the greeter, as `buf build` would write it. */
let descriptors: string;

beforeEach(async () => {
  cluster = await Cluster.open("the embedded store");
  director = await cluster.director({ env: { HEDDLE_QUEUE_TIMEOUT_MS: "500" } });
  client = cluster.connect();
  descriptors = join(await cluster.processes.folder, "greeter.binpb");
  await writeFile(descriptors, loadProtoContract({ files: [join(FOREIGN, "greeter.proto")] }).descriptorSet);
});

afterEach(async () => {
  await cluster.close();
});

async function greeter(address: string, ...more: string[]): Promise<RunningProcess> {
  const server = await cluster.processes.spawn(process.execPath, { name: "greeter", args: [SERVER, address, ...more] });
  await server.whenLogs(`listening on ${address}`);
  return server;
}

function attach(target: string, ...more: string[]): Promise<RunningProcess> {
  return cluster.processes.heddle("heddle", {
    name: "side-car",
    args: ["attach", "--target", target, ...more],
    env: { DIRECTOR_ADDR: director.address, WORKER_LABEL: "greeter", HEDDLE_RECONNECT_MAX_MS: "300" },
  });
}

async function notReadyReason(): Promise<string> {
  const { members } = await client.director.listMembers({});
  return members.map(({ ready, notReadyReason }) => (ready ? "" : notReadyReason)).join();
}

describe("heddle attach makes a worker of a gRPC server that knows nothing of Heddle", () => {
  it("by the server's reflection: listed and called through the director, and the side-car leaves by its own choice", async () => {
    const target = await freeAddress();
    const server = await greeter(target, descriptors);
    const sidecar = await attach(target);
    await cluster.whenReady(client, ["greeter"]);

    expect(await bufListMethods(director.address)).toEqual(
      expect.arrayContaining(["greeter.v1.GreeterService/Greet", "greeter.v1.GreeterService/GreetMany"]),
    );
    const unary = await bufCurl(director.address, GREET, { name: "Ada" });
    expect(unary.answers).toEqual([{ text: `Hello Ada, from process ${server.pid}` }]);
    const many = await bufCurl(director.address, "greeter.v1.GreeterService/GreetMany", { name: "a" }, { name: "b" });
    expect(many.answers).toHaveLength(2);

    expect(await sidecar.stop()).toEqual({ code: 0, signal: null });
    await cluster.whenReady(client, []);
    expect(server.isRunning).toBe(true);
  });

  it("by a descriptor-set file, for a server without reflection, even if it starts later than its side-car", async () => {
    const target = await freeAddress();
    await attach(target, "--descriptors", descriptors, "--services", "greeter.v1.GreeterService");
    await eventually("the side-car's worker is listed", async () => (await notReadyReason()).includes(target));
    const server = await greeter(target);
    await cluster.whenReady(client, ["greeter"]);
    const { answers } = await bufCurl(director.address, GREET, { name: "Ada" });
    expect(answers).toEqual([{ text: `Hello Ada, from process ${server.pid}` }]);
  });

  it("R-02 a killed server is not ready, and its reason is told; started again it is, with the same side-car", async () => {
    const target = await freeAddress();
    const first = await greeter(target, descriptors);
    const sidecar = await attach(target);
    await cluster.whenReady(client, ["greeter"]);

    await first.kill();
    await eventually("the worker is not ready", async () => (await notReadyReason()) !== "");
    await sidecar.whenLogs(`${target} does not answer`);
    expect(await notReadyReason()).toBe("data connection is down: the server closed the connection");
    const refused = await bufCurl(director.address, GREET, { name: "Ada" });
    expect(refused.text).toContain("unavailable");
    expect(refused.text).toContain("greeter");

    const second = await greeter(target, descriptors);
    await cluster.whenReady(client, ["greeter"]);
    const { answers } = await bufCurl(director.address, GREET, { name: "Ada" });
    expect(answers).toEqual([{ text: `Hello Ada, from process ${second.pid}` }]);
    expect(sidecar.isRunning).toBe(true);
  });

  it("R-08 a server that stands still while its side-car beats is not ready, with the reason, and is again when it goes on", async () => {
    const target = await freeAddress();
    const server = await greeter(target, descriptors);
    const sidecar = await attach(target);
    await cluster.whenReady(client, ["greeter"]);
    server.freeze();
    await sidecar.whenLogs(/it has not answered a health check for \d+ ms/);
    await eventually("the worker is not ready", async () => (await notReadyReason()) !== "");
    expect(await notReadyReason()).toMatch(/it has not answered a health check for \d+ ms/);
    server.thaw();
    await cluster.whenReady(client, ["greeter"]);
    const { answers } = await bufCurl(director.address, GREET, { name: "Ada" });
    expect(answers).toEqual([{ text: `Hello Ada, from process ${server.pid}` }]);
  });

  const found = findPythonGrpc();
  // Skipped where Python has no gRPC, and `make test` could not get it; the name says so.
  const itInPython = "python" in found ? it : it.skip;
  itInPython(`written in Python${"python" in found ? "" : ` (skipped: ${found.missing})`}`, async () => {
    const python = "python" in found ? found.python : "python3";
    const target = await freeAddress();
    const server = await cluster.processes.spawn(python, { args: [join(FOREIGN, "greeter_server.py"), target] });
    await server.whenLogs(`listening on ${target}`);
    await attach(target, "--descriptors", descriptors);
    await cluster.whenReady(client, ["greeter"]);
    const { answers } = await bufCurl(director.address, GREET, { name: "Ada" });
    expect(answers).toEqual([{ text: "Hello Ada, from Python" }]);
  });
});

describe("heddle attach says what is wrong and ends", () => {
  async function refused(...args: string[]): Promise<{ code: number | null; output: string }> {
    const program = await cluster.processes.heddle("heddle", { args: ["attach", ...args], env: {} });
    const { code } = await program.whenExited();
    expect(program.output).not.toMatch(/^\s+at /m);
    return { code, output: program.output };
  }

  it("when nobody is at the target", async () => {
    const target = await freeAddress();
    const { code, output } = await refused("--target", target);
    expect(output).toContain(target);
    expect(output).toContain("ECONNREFUSED");
    expect(code).toBe(1);
  });

  it("when the target has no reflection, with what to do", async () => {
    const target = await freeAddress();
    await greeter(target);
    const { code, output } = await refused("--target", target);
    expect(output).toMatch(/has no reflection .*descriptor set file \(--descriptors\)/);
    expect(code).toBe(1);
  });

  it("when the target does not have the service", async () => {
    const target = await freeAddress();
    await greeter(target, descriptors);
    const { code, output } = await refused("--target", target, "--services", "greeter.v2.GreeterService");
    expect(output).toContain("greeter.v2.GreeterService");
    expect(code).toBe(1);
  });

  it("when the descriptor set does not have the service, or is not there", async () => {
    const target = await freeAddress();
    const wrong = await refused("--target", target, "--descriptors", descriptors, "--services", "greeter.v2.Other");
    expect(wrong.output).toContain("greeter.v2.Other");
    expect(wrong.code).toBe(1);
    const missing = await refused("--target", target, "--descriptors", "gone.binpb");
    expect(missing.output).toContain("gone.binpb cannot be read");
    expect(missing.code).toBe(2);
  });

  it("when the target is no address, or not given", async () => {
    const malformed = await refused("--target", "somewhere");
    expect(malformed.output).toContain("--target");
    expect(malformed.code).toBe(2);
    const absent = await refused();
    expect(absent.output).toContain("--target");
    expect(absent.code).toBe(2);
  });
});
