import { ComputeServiceDefinition } from "../../src/api/index";
import { Cluster, type Started } from "../support/cluster";
import { curl, unlikeDocument } from "../support/http/curl";
import { eventually } from "../support/processes";

/** The requests of Proxy Stone's document. */
const REGISTRATION = {
  id: "a51c132e-4b71-409c-bf6d-98b5bbc2d2a9",
  url: "http://127.0.0.1:4402",
  clusterId: "default-cluster",
  role: "worker",
  capabilities: {},
  tags: [],
  metadata: {
    autoRegistered: true,
    nodeVersion: "v18.17.0",
    platform: "linux",
    startTime: "2024-01-15T10:30:00.000Z",
  },
};
const HEARTBEAT = { status: "active", metadata: { load: 0.45, memory: 0.68, connections: 142 } };
const NODES = "curl http://localhost:4401/api/cluster/nodes";
const STATUS = "curl http://localhost:4402/api/cluster/status";
const HEALTH = "curl http://localhost:4401/api/cluster/health";
const DISABLE = "curl -X POST http://localhost:4402/api/cluster/disable-serving";
const ENABLE = "curl -X POST http://localhost:4402/api/cluster/enable-serving";
const SERVICE_STATUS = "curl http://localhost:4402/api/cluster/service-status";

/** Its answers. */
const TIME = "2024-01-15T10:30:00.000Z";
const COORDINATOR = {
  id: "9b59c458-coordinator-id",
  url: "http://127.0.0.1:4401",
  clusterId: "default-cluster",
  status: "active",
  role: "coordinator",
  lastSeen: TIME,
  createdAt: TIME,
};
const WORKER = {
  id: "a51c132e-4b71-409c-bf6d-98b5bbc2d2a9",
  url: "http://127.0.0.1:4402",
  clusterId: "default-cluster",
  status: "active",
  role: "worker",
  lastSeen: TIME,
  createdAt: TIME,
};
const TIMES = ["lastSeen", "createdAt", "timestamp", "startTime", "changedAt", "lastUpdate"];
const OF_DIRECTOR = ["id", "url"];

/** The command of go_wrapper's document. */
const REGISTER_NODE = `curl -X POST http://leader:8151/api/cluster/nodes \\
  -H "Content-Type: application/json" \\
  -d '{
    "id": "node-2",
    "hostname": "worker1",
    "ip_address": "10.0.0.2",
    "port": 8152,
    "max_agents": 20,
    "services": ["wrapper", "database"]
  }'`;
const STATS = "curl http://leader:8151/api/cluster/stats | jq";
const NODE_2 = {
  id: "node-2",
  hostname: "worker1",
  ip_address: "10.0.0.2",
  port: 8152,
  role: "worker",
  status: "online",
  max_agents: 20,
  active_agents: 0,
  cpu_usage: 0,
  memory_usage: 0,
  disk_usage: 0,
  load_average: 0,
  healthy: true,
  services: ["wrapper", "database"],
  capacity: 20,
  uptime: 0,
  last_seen: TIME,
};
const OF_GO_WRAPPER = Object.keys(NODE_2);

interface Node {
  readonly id: string;
  readonly status: string;
  readonly role: string;
}

interface Timed {
  readonly id: string;
  readonly responseTime: number | null;
}

const JSON_TYPE = `-H "Content-Type: application/json"`;
const CALL = "/heddle.compute.v1.ComputeService/Execute";

describe("The REST APIs at /api/cluster, at two directors", () => {
  let cluster: Cluster;
  let directors: readonly Started[];
  let urls: readonly string[];

  const startDirector = () =>
    cluster.director({
      env: {
        HEDDLE_HTTP_ADDR: "127.0.0.1:0",
        HEDDLE_CLUSTER_ID: "default-cluster",
        HEDDLE_HTTP_NODE_TIMEOUT_MS: "60000",
        HEDDLE_QUEUE_TIMEOUT_MS: "1000",
        HEDDLE_DATA_KEEPALIVE_MS: "500",
      },
    });
  const urlOf = async ({ process }: Started) => {
    const line = await process.whenLogs(/HTTP at (http:\/\/\S+)\/$/);
    return /(http:\/\/\S+)\/$/.exec(line)![1]!;
  };

  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
    directors = [await startDirector(), await startDirector()];
    urls = await Promise.all(directors.map(urlOf));
  });
  afterAll(() => cluster.close());

  const run = (command: string, at = 0) => curl(command, urls[at]!);
  const get = (path: string, at = 0) => run(`curl 'http://localhost:4401/api/cluster${path}'`, at);
  const send = (method: string, path: string, body?: object, at = 0) => {
    const data = body === undefined ? "" : `${JSON_TYPE} -d '${JSON.stringify(body)}'`;
    return run(`curl -X ${method} ${data} 'http://localhost:4401/api/cluster${path}'`, at);
  };
  const nodes = async (at = 0) => ((await get("/nodes", at)).json as { nodes: Node[] }).nodes;
  const node = async (id: string, at = 0) => (await nodes(at)).find((each) => each.id === id);
  const call = (headers: string, at = 0) =>
    run(`curl -X POST ${JSON_TYPE} ${headers} -d '{"task":"echo"}' http://localhost:4401${CALL}`, at);

  describe("Proxy Stone's", () => {
    it("S-01 registers a node, takes its heartbeat and lists it, as documented", async () => {
      const registered = await send("POST", "/register", REGISTRATION);
      expect(registered.status).toBe(200);
      expect(unlikeDocument(registered.json, { success: true, node: WORKER }, TIMES)).toEqual([]);

      const beat = await send("POST", `/heartbeat/${REGISTRATION.id}`, HEARTBEAT);
      expect(beat.status).toBe(200);
      expect(unlikeDocument(beat.json, { success: true, acknowledged: true, timestamp: TIME }, TIMES)).toEqual([]);

      const listed = await run(NODES);
      const { nodes: all } = listed.json as { nodes: Node[] };
      const coordinators = all.filter(({ role }) => role === "coordinator");
      const worker = all.filter(({ id }) => id === REGISTRATION.id);
      expect(listed.json).toMatchObject({ success: true, total: 3, count: 3 });
      for (const one of coordinators) {
        expect(unlikeDocument(one, COORDINATOR, [...TIMES, ...OF_DIRECTOR], OF_GO_WRAPPER)).toEqual([]);
      }
      expect([coordinators.length, worker.length]).toEqual([2, 1]);
      expect(unlikeDocument(worker[0], WORKER, TIMES, OF_GO_WRAPPER)).toEqual([]);
    });

    it("S-01 S-04 tells its status and the health of all, with times that were measured", async () => {
      const status = await run(STATUS);
      const { createdAt: _none, ...own } = COORDINATOR;
      const documented = {
        success: true,
        status: own,
        config: {
          enabled: true,
          clusterId: "default-cluster",
          coordinatorUrl: null,
          heartbeatInterval: 30,
          nodeTimeout: 60,
        },
        serviceStatus: { mode: "serving", enabled: true, startTime: TIME },
      };
      expect(unlikeDocument(status.json, documented, [...TIMES, ...OF_DIRECTOR])).toEqual([]);

      await eventually("a director leads", async () => {
        const { health } = (await run(HEALTH)).json as { health: { coordinatorHealthy: boolean } };
        return health.coordinatorHealthy;
      });
      const { json } = await run(HEALTH);
      const { nodes: each, ...totals } = (json as { health: Record<string, unknown> & { nodes: object[] } }).health;
      const documentedTotals = {
        totalNodes: 3,
        activeNodes: 3,
        inactiveNodes: 0,
        coordinatorHealthy: true,
        lastUpdate: TIME,
      };
      expect(unlikeDocument(totals, documentedTotals, TIMES)).toEqual([]);
      const self = (status.json as { status: { id: string } }).status.id;
      const ofSelf = each.find((entry) => (entry as Node).id === self);
      const entry = { id: self, status: "active", role: "coordinator", responseTime: 5.2 };
      expect(unlikeDocument(ofSelf, entry, ["responseTime"])).toEqual([]);
      expect((ofSelf as { responseTime: number }).responseTime).toBeGreaterThan(0);
      // Nothing connects to a node without services, so nothing is measured.
      expect(each).toContainEqual({ id: REGISTRATION.id, status: "active", role: "worker", responseTime: null });
    });

    it("S-02 refuses in its own form: 404, 405, 400", async () => {
      const before = await nodes();
      const answers = await Promise.all([
        send("POST", "/heartbeat/nobody", HEARTBEAT),
        get("/nodes/nobody"),
        send("DELETE", "/nodes/nobody"),
        send("PATCH", "/nodes/nobody/disable"),
        get("/nothing"),
        send("PUT", "/status"),
        send("POST", "/register", { id: "no spaces", url: "http://127.0.0.1:1" }),
        send("POST", "/register", { id: "no-url" }),
        send("POST", "/register", { id: "bad-url", url: "127.0.0.1" }),
        send("POST", "/register", { ...REGISTRATION, id: "bad-role", role: "king" }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 405, 400, 400, 400, 400]);
      const form = { success: false, error: "Error Type", message: "", code: "ERROR_CODE", details: {} };
      for (const { json } of answers) {
        expect(unlikeDocument(json, form, ["error", "message", "code"], ["in", "field"])).toEqual([]);
      }
      expect((await nodes()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    });

    it("S-03 a node that is disabled stays so whatever its heartbeats say", async () => {
      const disabled = await send("PATCH", `/nodes/${REGISTRATION.id}/disable`);
      expect(disabled).toMatchObject({ status: 200, json: { success: true, node: { status: "disabled" } } });
      await send("POST", `/heartbeat/${REGISTRATION.id}`, HEARTBEAT);
      expect((await node(REGISTRATION.id))?.status).toBe("disabled");
      await send("PATCH", `/nodes/${REGISTRATION.id}/enable`);
      expect((await node(REGISTRATION.id))?.status).toBe("active");
    });

    it("S-06 a node that is not known any more is told so, and is back when it registers again", async () => {
      expect((await send("DELETE", `/nodes/${REGISTRATION.id}`)).status).toBe(200);
      expect((await send("POST", `/heartbeat/${REGISTRATION.id}`, HEARTBEAT)).status).toBe(404);
      expect((await send("POST", "/register", REGISTRATION)).status).toBe(200);
      expect((await node(REGISTRATION.id))?.status).toBe("active");
    });

    it("S-03 maintenance stops calls, those over gRPC and those over HTTP, and ends again", async () => {
      await Promise.all([cluster.worker("w1"), cluster.worker("w2")]);
      const client = cluster.connect({ directors: [directors[0]!.address] });
      await cluster.whenReady(client, ["w1", "w2"]);
      const compute = client.client(ComputeServiceDefinition);
      const answering = async () => {
        const calls = Array.from({ length: 8 }, () => compute.execute({ task: "echo" }));
        return new Set((await Promise.all(calls)).map(({ workerLabel }) => workerLabel));
      };

      await send("PATCH", "/nodes/w1/disable", undefined, 1);
      await eventually("director 1 knows", async () => (await node("w1"))?.status === "disabled");
      expect(await answering()).toEqual(new Set(["w2"]));
      await eventually("S-04 the round trip to the workers is measured at both directors", async () => {
        const healths = await Promise.all([get("/health", 0), get("/health", 1)]);
        const times = healths.flatMap(({ json }) => (json as { health: { nodes: Timed[] } }).health.nodes);
        return times.filter(({ id, responseTime }) => /^w\d$/.test(id) && (responseTime ?? 0) > 0).length === 4;
      });
      expect(await call("")).toMatchObject({ status: 200, json: { workerLabel: "w2" } });
      const refused = await call("-H 'heddle-worker: w1'");
      expect(refused).toMatchObject({
        status: 503,
        headers: { "retry-after": "30", "x-service-mode": "maintenance" },
      });
      await send("PATCH", "/nodes/w1/enable");

      const off = await run(DISABLE);
      const documented = {
        success: true,
        message: "Cluster serving disabled (maintenance mode)",
        status: { mode: "maintenance", enabled: false, changedAt: TIME },
      };
      expect(unlikeDocument(off.json, documented, TIMES)).toEqual([]);
      // Clients know the other director, and do not notice.
      expect((await answering()).size).toBeGreaterThan(0);
      await send("POST", "/disable-serving", undefined, 1);
      await expect(compute.execute({ task: "echo" })).rejects.toMatchObject({ code: "DIRECTOR_IN_MAINTENANCE" });
      await send("POST", "/enable-serving", undefined, 1);
      const refusedHere = await call("");
      expect(refusedHere).toMatchObject({
        status: 503,
        headers: { "retry-after": "30", "x-service-mode": "maintenance" },
        json: { code: "unavailable", heddleError: "DIRECTOR_IN_MAINTENANCE" },
      });
      expect((await run("curl http://localhost:4402/readyz")).status).toBe(503);
      const during = await run(SERVICE_STATUS);
      const nodeStatus = { id: "node-id", status: "disabled", role: "coordinator", lastSeen: TIME };
      const serving = { mode: "serving", enabled: true, startTime: TIME };
      const maintenance = { success: true, status: { ...serving, mode: "maintenance", enabled: false }, nodeStatus };
      expect(unlikeDocument(during.json, maintenance, [...TIMES, "id"])).toEqual([]);

      const on = await run(ENABLE);
      const enabled = {
        success: true,
        message: "Cluster serving enabled",
        status: { mode: "serving", enabled: true, changedAt: TIME },
      };
      expect(unlikeDocument(on.json, enabled, TIMES)).toEqual([]);
      expect((await answering()).size).toBeGreaterThan(0);
      const after = { success: true, status: serving, nodeStatus: { ...nodeStatus, status: "active" } };
      expect(unlikeDocument((await run(SERVICE_STATUS)).json, after, [...TIMES, "id"])).toEqual([]);
    });
  });

  describe("go_wrapper's", () => {
    it("G-01 G-02 registers the document's node, and shows it in its words at every director", async () => {
      const registered = await run(REGISTER_NODE);
      expect(registered.status).toBe(201);
      const documented = { success: true, message: "Node node-2 registered", node: NODE_2 };
      expect(unlikeDocument(registered.json, documented, ["last_seen", "uptime"])).toEqual([]);
      await eventually("the other director has it", async () => (await node("node-2", 1)) !== undefined);
      const { json } = await get("/nodes/node-2", 1);
      const shown = (json as { node: object }).node;
      expect(unlikeDocument(shown, NODE_2, ["last_seen", "uptime"], Object.keys(WORKER))).toEqual([]);
    });

    it("G-01 refuses its id to another address with 409, and to nobody else", async () => {
      expect((await run(REGISTER_NODE, 1)).status).toBe(201);
      const elsewhere = REGISTER_NODE.replace("10.0.0.2", "10.0.0.3");
      expect(await run(elsewhere)).toMatchObject({ status: 409, json: { code: "DUPLICATE_MEMBER" } });
      await send("POST", "/nodes/node-2", { status: "offline" });
      expect(await run(elsewhere)).toMatchObject({ status: 201, json: { node: { ip_address: "10.0.0.3" } } });
      await send("DELETE", "/nodes/node-2");
      expect((await run(REGISTER_NODE)).status).toBe(201);
    });

    it("G-02 G-05 takes heartbeats at any director; a node that was offline is online again", async () => {
      const beat = { cpu_usage: 50, memory_usage: 25, disk_usage: 10, load_average: 1.5, active_agents: 4 };
      for (const at of [1, 0, 1]) {
        const answer = await send("POST", "/nodes/node-2", beat, at);
        expect(answer).toMatchObject({ status: 200, json: { node: { ...beat, capacity: 16, status: "online" } } });
        // The other director asks the one that heard it.
        await eventually("the other director tells the same", async () => {
          const { json } = await get("/nodes/node-2", 1 - at);
          return (json as { node: { cpu_usage: number } }).node.cpu_usage === 50;
        });
      }
      await send("POST", "/nodes/node-2", { status: "offline" }, 1);
      expect((await node("node-2", 1))?.status).toBe("offline");
      await send("POST", "/nodes/node-2", { status: "draining" }, 1);
      expect((await node("node-2", 1))?.status).toBe("draining");
      await send("POST", "/nodes/node-2", undefined, 1);
      expect((await node("node-2", 1))?.status).toBe("online");
    });

    it("G-02 has a standby that is registered as one, and each vocabulary when asked", async () => {
      const standby = { id: "node-4", ip_address: "10.0.0.4", port: 8154, role: "standby" };
      expect((await send("POST", "/nodes", standby)).json).toMatchObject({
        node: { role: "standby", hostname: "10.0.0.4" },
      });
      expect((await node("node-4"))?.role).toBe("standby");
      const { json } = await get("/nodes?vocabulary=go-wrapper");
      const roles = (json as { nodes: Node[] }).nodes.map(({ id, role, status }) => [id, role, status]);
      expect(roles).toContainEqual(["w1", "worker", "online"]);
      expect(roles.filter(([, role]) => role === "leader")).toHaveLength(1);
    });

    it("G-01 tells the cluster's figures", async () => {
      const { status, json } = await run(STATS);
      expect(status).toBe(200);
      const wanted = { success: true, offline_nodes: 0, draining_nodes: 0, total_capacity: 20, total_assignments: 0 };
      expect(json).toMatchObject(wanted);
      expect(json).toMatchObject({ total_nodes: (await nodes()).length, nodes_by_role: { leader: 1, standby: 1 } });
    });

    it("G-03 switches the strategy by any of its names, and refuses one that is none", async () => {
      for (const strategy of ["round-robin", "least-loaded", "least-agents", "random", "weighted"]) {
        expect(await send("POST", `/balance?strategy=${strategy}`)).toMatchObject({ status: 200, json: { strategy } });
        expect((await get("/balance")).json).toMatchObject({ strategy });
      }
      const refused = await send("POST", "/balance?strategy=fastest");
      expect(refused).toMatchObject({ status: 400, json: { message: expect.stringContaining("round-robin") } });
      expect((await get("/balance")).json).toMatchObject({ strategy: "weighted" });
    });

    it("G-04 places an agent on the node that has its services, lists it, releases it; POST balance moves agents", async () => {
      const wish = { agent_name: "agent-1", services: ["wrapper", "database"] };
      const placed = await send("POST", "/assignments", wish);
      expect(placed).toMatchObject({ status: 201, json: { assignment: { agent_name: "agent-1", node_id: "node-2" } } });
      expect((await send("POST", "/assignments", wish)).status).toBe(200);
      expect((await send("POST", "/assignments", { ...wish, services: [] })).status).toBe(409);
      expect((await get("/assignments")).json).toMatchObject({ success: true, count: 1 });
      expect((await get("/stats")).json).toMatchObject({ total_assignments: 1, pending_assignments: 0 });
      const moved = await send("POST", "/balance");
      expect(moved).toMatchObject({ status: 200, json: { success: true, moved: 0, moves: [] } });
      expect((await send("DELETE", "/assignments/agent-1")).status).toBe(200);
      expect((await get("/assignments/agent-1")).status).toBe(404);
      expect((await send("DELETE", "/assignments/agent-1")).status).toBe(404);
    });

    it("G-05 says who leads, and promotes the director that is asked to", async () => {
      const leaderAt = async (at: number) =>
        (await get("/leader", at)).json as { leader_id: string; is_leader: boolean };
      const isLeading = await Promise.all([0, 1].map(async (at) => (await leaderAt(at)).is_leader));
      expect(isLeading.filter(Boolean)).toHaveLength(1);
      const other = isLeading.indexOf(false);
      const promoted = await send("POST", "/leader", undefined, other);
      expect(promoted).toMatchObject({ status: 200, json: { success: true, is_leader: true } });
      await eventually("both say so", async () => {
        const [one, two] = await Promise.all([leaderAt(other), leaderAt(1 - other)]);
        return one.is_leader && !two.is_leader && one.leader_id === two.leader_id;
      });
      expect((await send("POST", "/leader", { node_id: "node-2" })).status).toBe(400);
    });
  });
});
