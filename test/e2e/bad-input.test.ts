import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join, resolve } from "node:path";

import { ComputeServiceDefinition, type FabricClient } from "../../src/api/index";
import { Cluster, type Started, STORES, type SteadyCalls } from "../support/cluster";
import { type Environment, freeAddress, within } from "../support/processes";

jest.setTimeout(60_000);

const CONTRACT = resolve("test/e2e/contract");

/** What is wrong, with which program, and what it must say. All are refused before anything starts. */
const MISTAKES: readonly (readonly [name: string, program: string, env: Environment, says: RegExp])[] = [
  [
    "a listening address without a port",
    "heddle-director",
    { DIRECTOR_ADDR: "localhost" },
    /DIRECTOR_ADDR is "localhost": must be host:port/,
  ],
  [
    "a port beyond the last",
    "heddle-worker",
    { WORKER_ADDR: "127.0.0.1:65536" },
    /WORKER_ADDR is "127\.0\.0\.1:65536": must be/,
  ],
  [
    "a director that cannot be dialled",
    "heddle-worker",
    { DIRECTOR_ADDR: "0.0.0.0:61000" },
    /DIRECTOR_ADDR is "0\.0\.0\.0:61000": .*each of which can be dialled/,
  ],
  [
    "an unknown policy",
    "heddle-director",
    { HEDDLE_BALANCER: "best", HEDDLE_DATA_DIR: "memory" },
    /balancing policy is "best": use one of round-robin/,
  ],
  ["explicit zero slots", "heddle-worker", { WORKER_SLOTS: "0" }, /WORKER_SLOTS is "0": must be .*1/],
  [
    "more tags than allowed",
    "heddle-worker",
    { WORKER_TAGS: Array.from({ length: 65 }, (_, tag) => `t${tag}`).join() },
    /WORKER_TAGS is .*at most 64/,
  ],
  [
    "a tag value that is too long",
    "heddle-worker",
    { WORKER_TAGS: `a=${"x".repeat(256)}` },
    /WORKER_TAGS is .*at most 255 characters/,
  ],
  ["an unknown variable", "heddle-worker", { HEDDLE_HEARTBEET_MS: "1" }, /HEDDLE_HEARTBEET_MS is not a setting/],
  [
    "a misspelt variable",
    "heddle-client",
    { HEDDLE_CLIENT_MOD: "direct" },
    /HEDDLE_CLIENT_MOD is not a setting; did you mean HEDDLE_CLIENT_MODE\?/,
  ],
  [
    "a certificate without its key",
    "heddle-director",
    { HEDDLE_TLS_CERT_FILE: "cert.pem" },
    /HEDDLE_TLS_CERT_FILE is set, so HEDDLE_TLS_KEY_FILE must be too/,
  ],
  [
    "a policy module that is not there",
    "heddle-director",
    { HEDDLE_BALANCER_MODULE: "./nowhere.js" },
    /HEDDLE_BALANCER_MODULE \.\/nowhere\.js cannot be loaded/,
  ],
];

describe("mistakes in the settings", () => {
  const clusters: Cluster[] = [];

  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.close();
  });

  it.each(MISTAKES)(
    "%s stops %s with exit code 2 and a message that says what to do",
    async (_name, program, env, says) => {
      const cluster = await Cluster.open("the embedded store");
      clusters.push(cluster);
      const running = await cluster.processes.heddle(program, { env });
      expect(await running.whenExited()).toEqual({ code: 2, signal: null });
      expect(running.output).toMatch(says);
      expect(running.output).not.toMatch(/\n\s+at /);
    },
  );
});

describe.each(STORES)("bad input at a running cluster, on %s", (store) => {
  let cluster: Cluster;
  let director: Started;
  let client: FabricClient;
  let innocent: SteadyCalls;

  beforeAll(async () => {
    cluster = await Cluster.open(store);
    director = await cluster.director();
    client = cluster.connect();
    await cluster.worker("a");
    await cluster.worker("b");
    await cluster.whenReady(client, ["a", "b"]);
  });

  afterAll(async () => {
    await cluster.close();
  });

  beforeEach(() => {
    innocent = cluster.load(client, { atOnce: 2 });
  });

  afterEach(async () => {
    await innocent.more(20);
    expect((await innocent.stop()).failures).toEqual([]);
    await cluster.whenReady(client, ["a", "b"]);
  });

  it("a second live worker of the same label is refused with both addresses, and the first keeps its place", async () => {
    const [first] = (await client.director.listMembers({})).members;
    const second = await cluster.worker("a");
    const line = await second.process.whenLogs("refused this worker");
    expect(line).toContain("[DUPLICATE_MEMBER]");
    expect(line).toContain(first?.address);
    expect(line).toContain(second.address);
    expect((await client.director.getMember({ memberId: "a" })).member).toMatchObject({
      address: first?.address,
      incarnation: first?.incarnation,
    });
    await second.process.kill();
  });

  it("a second director at the port in use stops with the address", async () => {
    const env = { ...(await cluster.storeEnv("second")), DIRECTOR_ADDR: director.address };
    const second = await cluster.processes.heddle("heddle-director", { env });
    expect((await second.whenExited()).code).toBe(2);
    expect(second.output).toContain(`DIRECTOR_ADDR is "${director.address}": cannot listen there`);
    const worker = await cluster.processes.heddle("heddle-worker", { env: { WORKER_ADDR: director.address } });
    expect((await worker.whenExited()).code).toBe(2);
    expect(worker.output).toContain(`WORKER_ADDR is "${director.address}": cannot listen there`);
  });

  it("HTTP/1, random bytes and half a preface at the director's port end their own connection only", async () => {
    const [host = "", port = ""] = director.address.split(":");
    const inputs = [
      "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
      randomBytes(4_096),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff",
    ];
    for (const input of inputs) {
      const socket = connectTcp(Number(port), host);
      socket.on("error", () => {});
      socket.resume();
      await once(socket, "connect");
      socket.end(input);
      await within(
        5_000,
        once(socket, "close"),
        () => new Error(`kept open after ${JSON.stringify(input).slice(0, 40)}`),
      );
    }
    const answer = await fetch(`http://${director.address}/`).then(
      () => "an answer",
      (error: Error) => error.name,
    );
    expect(answer).toBe("TypeError");
  });

  it("a message of 5 MB is refused with the limit, in both directions", async () => {
    const compute = client.client(ComputeServiceDefinition);
    const input = Buffer.alloc(5 * 1024 * 1024);
    await expect(compute.execute({ task: "echo", input })).rejects.toThrow(/MESSAGE_TOO_LARGE|larger than max/);
    const large = Buffer.alloc(4 * 1024 * 1024 - 100, 7);
    const { output } = await compute.execute({ task: "echo", input: large.subarray(0, 4_000_000) });
    expect(output.equals(large.subarray(0, 4_000_000))).toBe(true);
  });

  it("requests that are malformed are refused with the field, and nothing is changed", async () => {
    const before = await client.director.listMembers({});
    const { director: operator } = client;
    await expect(operator.setIntent({ memberId: "nobody", kind: 2 })).rejects.toThrow(/MEMBER_NOT_FOUND.*"nobody"/);
    await expect(operator.setIntent({ memberId: "a", kind: 0 })).rejects.toThrow(/INVALID_ARGUMENT.*kind is/);
    await expect(operator.registerMember({ memberId: "x y", address: "nowhere" })).rejects.toThrow(
      /INVALID_ARGUMENT.*member_id is "x y".*address is "nowhere"/,
    );
    const tags = new Map(Array.from({ length: 65 }, (_, tag) => [`t${tag}`, "x".repeat(300)]));
    await expect(operator.registerMember({ label: "t", address: "127.0.0.1:9", tags })).rejects.toThrow(
      /tags has 65 entries: at most 64.*at most 255/,
    );
    await expect(operator.listMembers({ match: "a in (" })).rejects.toThrow(/INVALID_ARGUMENT/);
    const describeAll = ({ members }: typeof before) =>
      members.map(({ memberId, intent, incarnation }) => ({ memberId, intent, incarnation }));
    expect(describeAll(await client.director.listMembers({}))).toEqual(describeAll(before));
  });

  it("a broken descriptor set, contract or handlers module stops its own program with the file's name", async () => {
    const folder = await cluster.processes.folder;
    await writeFile(
      join(folder, "broken.proto"),
      'syntax = "proto3"; package x; service S { rpc A(Missing) returns (Missing); }',
    );
    await writeFile(join(folder, "broken.binpb"), randomBytes(200));
    await writeFile(join(folder, "empty.js"), "");
    const env = { DIRECTOR_ADDR: director.address, WORKER_ADDR: await freeAddress(), WORKER_LABEL: "broken" };
    const handlers = join(CONTRACT, "ledger.js");
    const proto = join(CONTRACT, "ledger.proto");
    for (const [args, says] of [
      [["worker", "--proto", "broken.proto", "--handlers", handlers], /broken\.proto/],
      [["worker", "--proto", "missing.proto", "--handlers", handlers], /missing\.proto/],
      [["worker", "--proto", proto, "--handlers", "empty.js"], /no function for ledger\.v1\.LedgerService\/Append/],
      [["attach", "--target", "127.0.0.1:9", "--descriptors", "broken.binpb"], /broken\.binpb/],
    ] as const) {
      const program = await cluster.processes.heddle("heddle", { args, env });
      const { code } = await program.whenExited();
      expect({ code, output: program.output }).toEqual({
        code: expect.any(Number) as number,
        output: expect.stringMatching(says) as string,
      });
      expect(code).not.toBe(0);
    }
  });
});

describe("one data folder", () => {
  it("a second director on the folder of a live one stops with what to do, and the first goes on", async () => {
    const cluster = await Cluster.open("the embedded store");
    try {
      const director = await cluster.director();
      const client = cluster.connect();
      await cluster.worker("a");
      await cluster.whenReady(client, ["a"]);
      const innocent = cluster.load(client);
      const env = { ...(await cluster.storeEnv(director.address)), DIRECTOR_ADDR: await freeAddress() };
      const second = await cluster.processes.heddle("heddle-director", { env });
      expect((await second.whenExited()).code).toBe(1);
      expect(second.output).toMatch(/\[STORE_LOCKED\].*data-/);
      await innocent.more(20);
      expect((await innocent.stop()).failures).toEqual([]);
    } finally {
      await cluster.close();
    }
  });
});
