import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp2Server } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../../src/api/client";
import { createDirector } from "../../src/api/director";
import { createWorker } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { Status } from "../../src/core/status";
import { ComputeServiceDefinition } from "../../src/wire/contract";
import { TestTls } from "../support/test-tls";
import { OK, start, taking, WAYS, whenReady, WireRig } from "./grpc-fixtures";

const folder = mkdtempSync(join(tmpdir(), "heddle-unix-"));
const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => {
  tls.remove();
  rmSync(folder, { recursive: true });
});

let sockets = 0;
const freshPath = () => join(folder, `${(sockets += 1)}.sock`);

const echo = taking(
  ({ call, halfClosed }) => void halfClosed.then(() => call.finish(OK)),
  ({ call }, message) => void call.send(message),
);

const DIRECT = WAYS.filter(({ path }) => path === "direct");

describe.each(DIRECT)("A client on $client and a server on $server, $security", (way) => {
  const rig = new WireRig({ ...way, tls });
  afterEach(() => rig.close());

  it("meet at a unix socket, whose file goes with the server", async () => {
    const path = freshPath();
    const server = rig.server();
    server.handle("/a.B/C", echo);
    expect(await server.listen(`unix://${path}`, "TEST_ADDR")).toBe(`unix:${path}`);
    const connection = rig.connection(`unix:${path}`);
    await whenReady(connection);
    const { call, ended, messages } = start(connection);
    call.send(Buffer.from("hello"));
    call.halfClose();
    expect(await ended).toMatchObject({ status: Status.OK });
    expect(messages.map(String)).toEqual(["hello"]);
    connection.close();
    await server.drain();
    expect(existsSync(path)).toBe(false);
  });
});

describe.each(["engine", "grpc-js"] as const)("A server on %s at a unix socket", (transport) => {
  const rig = new WireRig({ server: transport, client: "engine" });
  afterEach(() => rig.close());

  it("takes the place of one whose process was killed", async () => {
    const path = freshPath();
    const program = `require("node:net").createServer().listen(process.argv[1], () => console.log("there"))`;
    const killed = spawn(process.execPath, ["-e", program, path], { stdio: ["ignore", "pipe", "inherit"] });
    await once(killed.stdout, "data");
    killed.kill("SIGKILL");
    await once(killed, "exit");
    expect(existsSync(path)).toBe(true);
    const server = rig.server();
    server.handle("/a.B/C", echo);
    await whenReady(rig.connection(await server.listen(`unix:${path}`, "TEST_ADDR")));
  });

  it("leaves alone one that lives, and says so", async () => {
    const path = freshPath();
    const other = createServer((socket) => socket.on("error", () => {})).listen(path);
    await once(other, "listening");
    await expect(rig.server().listen(`unix:${path}`, "TEST_ADDR")).rejects.toThrow(
      `TEST_ADDR is "unix:${path}": cannot listen there: a process listens there`,
    );
    expect(existsSync(path)).toBe(true);
    other.close();
  });

  it("does not remove a file that is none of a socket", async () => {
    const path = freshPath();
    writeFileSync(path, "precious");
    await expect(rig.server().listen(`unix:${path}`, "TEST_ADDR")).rejects.toThrow("it is a file but no socket");
    expect(existsSync(path)).toBe(true);
  });

  it("says why, where there is no folder", async () => {
    await expect(rig.server().listen(`unix:${folder}/none/a.sock`, "TEST_ADDR")).rejects.toThrow(
      /^\[INVALID_ARGUMENT\] TEST_ADDR is "unix:.*": cannot listen there: /,
    );
  });
});

describe("At a unix socket", () => {
  const rig = new WireRig({ client: "engine", server: "engine" });
  afterEach(() => rig.close());

  it("the authority is localhost", async () => {
    const path = freshPath();
    const server = createHttp2Server().listen(path);
    const begun = once(server, "stream");
    const connection = rig.connection(`unix:${path}`);
    await whenReady(connection);
    start(connection).call.halfClose();
    expect((await begun)[1]).toMatchObject({ ":authority": "localhost" });
    connection.close();
    server.close();
  });

  const isLinux = process.platform === "linux";
  const onLinux = isLinux ? it : it.skip; // no other system has them; the name says so
  onLinux(`of the abstract namespace there is no file${isLinux ? "" : " (skipped: only Linux has it)"}`, async () => {
    const server = rig.server();
    server.handle("/a.B/C", echo);
    const address = `unix-abstract:heddle-test-${process.pid}`;
    expect(await server.listen(address, "TEST_ADDR")).toBe(address);
    await whenReady(rig.connection(address));
    await expect(rig.server().listen(address, "TEST_ADDR")).rejects.toThrow("a process listens there");
  });
});

const QUIET = { env: {}, logger: SILENT_LOGGER };

describe.each(["direct", "proxy"] as const)("A fabric on unix sockets, with a client in mode %s", (mode) => {
  it("answers calls", async () => {
    const director = await createDirector({
      ...QUIET,
      listenAddress: `unix:${freshPath()}`,
      workerSocketDir: folder,
      dataDir: "memory",
    });
    await director.start();
    const worker = createWorker({
      ...QUIET,
      listenAddress: `unix:${freshPath()}`,
      directors: [director.address],
    });
    const attached = worker.whenAttached();
    await worker.start();
    await attached;
    const client = connect({ ...QUIET, directors: [director.address], mode });
    const compute = client.client(ComputeServiceDefinition);
    expect(String((await compute.execute({ task: "echo", input: Buffer.from("hello") })).output)).toBe("hello");
    await client.close();
    await worker.stop({ graceMs: 1_000 });
    await director.stop({ graceMs: 1_000 });
  });
});
