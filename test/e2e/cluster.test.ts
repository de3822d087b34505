import { InferenceServiceDefinition, type FabricClient } from "../../src/api/index";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { typedClient } from "../../src/rpc/service/typed-client";
import { MemberState } from "../../generated/heddle/v1/member";
import { Cluster, STORES, type Started } from "../support/cluster";
import { eventually, freeAddress } from "../support/processes";

jest.setTimeout(60_000);

/** Where the programs are found unless they are told otherwise. */
const DIRECTOR = "127.0.0.1:61000";
const WORKER = "127.0.0.1:62001";

describe.each(STORES)("the programs of the document, with no setting but the store, on %s", (store) => {
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.open(store);
  });

  afterEach(async () => {
    await cluster.close();
  });

  it("R-01 R-10 find each other at the documented addresses and write the documented lines, in order", async () => {
    const { processes } = cluster;
    const director = await processes.heddle("heddle-director", { env: await cluster.storeEnv(DIRECTOR) });
    await director.whenLogs(`🚀 Director ready - listening on ${DIRECTOR}`);
    const worker = await processes.heddle("heddle-worker", {});
    await director.whenLogs(`   - worker-1 at ${WORKER} (0 connections)`);
    const client = await processes.heddle("heddle-client", {});
    await client.whenLogs('📦 received token (sequence=3, text="token-3", total=3)');
    expect(await client.stop()).toEqual({ code: 0, signal: null });
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    expect(await director.stop()).toEqual({ code: 0, signal: null });

    await director.whenLogsInOrder([
      `🎯 Starting Director at ${DIRECTOR}`,
      "✅ Director registered itself in cluster",
      "✅ Cluster enabled - Director is now discoverable",
      "🔄 Load balancing strategy: LeastConnections",
      `🚀 Director ready - listening on ${DIRECTOR}`,
      "📊 Worker pool status: 1 workers available",
      `   - worker-1 at ${WORKER} (0 connections)`,
      "📨 client requesting worker assignment",
      "✅ assigned worker to client",
    ]);
    await worker.whenLogsInOrder([
      `👷 Starting Worker 'worker-1' at ${WORKER}`,
      `🔌 Binding server to ${WORKER}...`,
      `✅ Server bound successfully to ${WORKER}`,
      `🌐 Enabling cluster, connecting to director at ${DIRECTOR}...`,
      "✅ Cluster enabled, connected to director",
      "🏷️  Tagging worker with role=worker and label=worker-1...",
      "✅ Worker 'worker-1' joined cluster with role=worker, label=worker-1",
      "🚀 Worker 'worker-1' is running and ready to handle requests",
      "🎬 [worker-1] Streaming handler invoked",
      "✅ received inference request from client (direct connection)",
    ]);
    await client.whenLogsInOrder([
      `📡 Starting Client - connecting to director at ${DIRECTOR}`,
      "🔍 asking director for worker assignment",
      "✅ connected to director",
      "🔀 director assigned worker - establishing direct connection",
      "✅ direct connection established to worker",
      "📤 creating request stream",
      "🔌 calling generate on worker",
      "🌊 stream opened successfully, starting to consume responses",
      "🔄 worker confirmed connection",
      '📦 received token (sequence=1, text="token-1", total=1)',
      '📦 received token (sequence=2, text="token-2", total=2)',
    ]);
  });
});

describe.each(STORES)("discovery and assignment, on %s", (store) => {
  let cluster: Cluster;
  let director: Started;
  let client: FabricClient;

  beforeAll(async () => {
    cluster = await Cluster.open(store);
    director = await cluster.director();
    client = cluster.connect();
  });

  afterAll(async () => {
    await cluster.close();
  });

  it("R-03 without workers an assignment is refused in the seed's words, and keeps the caller's connection id", async () => {
    const answer = await client.director.assignWorker({ connectionId: "mine", prompt: "hello" });
    expect(answer).toMatchObject({ success: false, connectionId: "mine", workerAddr: "", workerLabel: "" });
    expect(answer.message).toMatch(/^No workers available/);
  });

  it("R-02 workers are discovered without registration, under their tags", async () => {
    await cluster.worker("a", { env: { WORKER_TAGS: "gpu=true,zone=north" } });
    await cluster.worker("b", { env: { WORKER_TAGS: "zone=south", ROLE: "agent", AGENT_TYPE: "compute" } });
    await cluster.whenReady(client, ["a", "b"]);
    const { members } = await client.director.listMembers({});
    expect(members.map(({ memberId, tags }) => [memberId, Object.fromEntries(tags)])).toEqual([
      ["a", { role: "worker", label: "a", gpu: "true", zone: "north" }],
      ["b", { role: "agent", label: "b", agent_type: "compute", zone: "south" }],
    ]);
    expect((await client.director.listMembers({ match: "gpu=true" })).members.map(({ label }) => label)).toEqual(["a"]);
    expect((await client.director.listMembers({ role: "agent" })).members.map(({ label }) => label)).toEqual(["b"]);
  });

  it("R-03 an assignment names a worker that the client then dials itself, and counts until it is released", async () => {
    const answer = await client.director.assignWorker({ connectionId: "kept", prompt: "hello", match: "gpu=true" });
    expect(answer).toMatchObject({ success: true, workerLabel: "a", memberId: "a", connectionId: "kept" });
    const named = await client.director.assignWorker({ prompt: "hello" });
    expect(named.connectionId).not.toBe("");

    const connection = new GrpcConnection(answer.workerAddr, {
      keepaliveMs: 0,
      messageMaxBytes: 1 << 20,
      reconnectMaxMs: 100,
    });
    const texts: string[] = [];
    const request = { connectionId: answer.connectionId, prompt: "hello", maxTokens: 3n, tokenIntervalMs: 1 };
    for await (const { event } of typedClient(InferenceServiceDefinition, connection).generate([request])) {
      texts.push(event?.$case === "token" ? event.value.text : (event?.$case ?? ""));
    }
    connection.close();
    expect(texts).toEqual(["connected", "token-1", "token-2", "token-3", "done"]);

    expect((await client.director.getMember({ memberId: "a" })).member?.directorInFlight).toBeGreaterThanOrEqual(1);
    await client.director.renewAssignment({ assignmentId: answer.assignmentId });
    for (const { assignmentId } of [answer, named]) await client.director.releaseAssignment({ assignmentId });
    expect((await client.director.getStats({})).assignments).toBe(0);
    expect((await client.director.getMember({ memberId: "a" })).member?.directorInFlight).toBe(0);
    await expect(client.director.renewAssignment({ assignmentId: answer.assignmentId })).rejects.toThrow(
      /ASSIGNMENT_NOT_FOUND/,
    );
  });

  it("R-04 a stream through the director is Connected once, tokens of rising sequence, Done", async () => {
    const events: (string | bigint)[] = [];
    const inference = client.client(InferenceServiceDefinition);
    const request = { connectionId: "c-1", prompt: "x", resumeAfterSequence: 4n, maxTokens: 7n, tokenIntervalMs: 1 };
    for await (const { event } of inference.generate([request])) {
      events.push(event?.$case === "token" ? event.value.sequence : (event?.$case ?? "nothing"));
    }
    expect(events).toEqual(["connected", 5n, 6n, 7n, "done"]);
  });

  it("R-02 a killed worker that is started again rejoins as the same member, in a new life", async () => {
    const worker = await cluster.worker("c");
    await cluster.whenReady(client, ["a", "b", "c"]);
    const before = (await client.director.getMember({ memberId: "c" })).member;
    await worker.process.kill();
    await cluster.whenReady(client, ["a", "b"]);
    await cluster.worker("c", { address: worker.address });
    await cluster.whenReady(client, ["a", "b", "c"]);
    const after = (await client.director.getMember({ memberId: "c" })).member;
    expect(after?.state).toBe(MemberState.ALIVE);
    expect(Number(after?.incarnation)).toBeGreaterThan(Number(before?.incarnation));
  });

  it("R-02 P-07 a killed director that is started again knows its workers, intents and balancing", async () => {
    await client.director.setIntent({ memberId: "b", kind: 2, reason: "disk", setBy: "eve" });
    await client.director.setBalancing({ policy: "RoundRobin" });
    await director.process.kill();
    director = await cluster.director({ address: director.address });
    await director.process.whenLogs("🔄 Load balancing strategy: RoundRobin");
    await cluster.whenReady(client, ["a", "c"]);
    const { member } = await client.director.getMember({ memberId: "b" });
    expect(member?.intent).toMatchObject({ kind: 2, reason: "disk", setBy: "eve" });
    expect(member?.notReadyReason).toBe("operator: cordoned (disk)");
    expect((await client.director.getBalancing({})).policy).toBe("round-robin");
    await client.director.setIntent({ memberId: "b", kind: 1 });
    await cluster.whenReady(client, ["a", "b", "c"]);
  });

  it("R-02 S-06 a worker that starts before its director waits for it, and joins when it comes", async () => {
    const address = await freeAddress();
    const { process: early } = await cluster.worker("early", { env: { DIRECTOR_ADDR: address } });
    await early.whenLogs(`⏳ waiting for the director at ${address}`);
    const env = { ...(await cluster.storeEnv(address)), HEDDLE_ETCD_PREFIX: "/late/" };
    const late = await cluster.director({ address, env });
    await early.whenLogs("✅ Worker 'early' joined cluster with role=worker, label=early");
    await late.process.whenLogs("📊 Worker pool status: 1 workers available");
    await Promise.all([early.stop(), late.process.stop()]);
  });

  it("R-08 a worker that is told to stop leaves by its own choice", async () => {
    const worker = await cluster.worker("d");
    await cluster.whenReady(client, ["a", "b", "c", "d"]);
    expect(await worker.process.stop()).toEqual({ code: 0, signal: null });
    await eventually("d has left", async () => {
      const { members } = await client.director.listMembers({ states: [MemberState.LEFT] });
      return members.some(({ label }) => label === "d");
    });
  });
});
