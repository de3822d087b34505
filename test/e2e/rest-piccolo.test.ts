import { Cluster, type Started } from "../support/cluster";
import { curl, unlikeDocument } from "../support/http/curl";
import { eventually, freeAddress } from "../support/processes";

/** The commands of PICCOLO's quick start. */
const HEALTH = "curl http://localhost:47099/api/v1/cluster/health | jq";
const REGISTER = `curl -X POST http://localhost:47099/api/v1/nodes \\
  -H "Content-Type: application/json" \\
  -d '{
    "node_name": "worker-1",
    "ip_address": "192.168.1.20", 
    "role": "sub",
    "resources": {
      "cpu_cores": 4,
      "memory_mb": 8192,
      "disk_gb": 100
    }
  }' | jq`;
const NODES = "curl http://localhost:47099/api/v1/nodes | jq";
const TOPOLOGY = "curl http://localhost:47099/api/v1/topology | jq";

interface NodeInfo {
  readonly node_id: string;
  readonly node_name: string;
  readonly role: string;
  readonly status: string;
  readonly last_heartbeat: number;
  readonly resources: Readonly<Record<string, number>>;
}

const WORKER_1 = {
  node_id: "",
  node_name: "worker-1",
  ip_address: "192.168.1.20",
  role: "sub",
  status: "online",
  resources: { cpu_cores: 4, memory_mb: 8192, disk_gb: 100, cpu_usage: 0, memory_usage: 0 },
  labels: {},
  created_at: 0,
  last_heartbeat: 0,
};
const DIRECTOR = {
  ...WORKER_1,
  node_name: "",
  ip_address: "127.0.0.1",
  role: "master",
  resources: { cpu_cores: 0, memory_mb: 0, disk_gb: 0, cpu_usage: 0, memory_usage: 0 },
};
const FREE = ["node_id", "created_at", "last_heartbeat", "cluster_id"];

describe("PICCOLO's REST API", () => {
  let cluster: Cluster;
  let director: Started;
  let url: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    const extra = await freeAddress();
    env = {
      HEDDLE_HTTP_ADDR: "127.0.0.1:0",
      HEDDLE_HTTP_EXTRA_ADDRS: extra,
      HEDDLE_HTTP_NODE_TIMEOUT_MS: "60000",
    };
    director = await cluster.director({ env });
    // The extra listener, where PICCOLO's callers look.
    url = `http://${extra}`;
  });
  afterAll(() => cluster.close());

  const ask = (command: string) => curl(command, url);
  const path = (rest: string, options = "") => ask(`curl ${options} 'http://localhost:47099/api/v1${rest}'`);
  const post = (rest: string, body: object) =>
    path(rest, `-X POST -H "Content-Type: application/json" -d '${JSON.stringify(body)}'`);
  const nodes = async (query = "") => (await path(`/nodes${query}`)).json as NodeInfo[];
  const workerOne = async () => (await nodes()).find(({ node_name: name }) => name === "worker-1")!;

  it("P-01 P-05 answers the quick start's commands, one after the other, as it says", async () => {
    const health = await ask(HEALTH);
    expect(health.status).toBe(200);
    const alone = { status: "healthy", total_nodes: 1, online_nodes: 1, master_nodes: 1, sub_nodes: 0 };
    expect(unlikeDocument(health.json, alone)).toEqual([]);

    const registered = await ask(REGISTER);
    expect(registered.status).toBe(201);
    const message = "Node worker-1 registered successfully";
    expect(
      unlikeDocument(registered.json, { success: true, message, cluster_id: "heddle", node_id: "" }, FREE),
    ).toEqual([]);

    const listed = await ask(NODES);
    expect(listed.status).toBe(200);
    const director = { ...DIRECTOR, node_name: (listed.json as NodeInfo[])[0]!.node_name };
    expect(unlikeDocument(listed.json, [director, WORKER_1], FREE)).toEqual([]);

    const topology = await ask(TOPOLOGY);
    expect(topology.status).toBe(200);
    const wanted = {
      cluster_id: "heddle",
      cluster_name: "heddle",
      topology_type: "simple",
      master_nodes: [director],
      sub_nodes: [WORKER_1],
      config: { heartbeat_interval: 30, node_timeout: 60, balancing: "least-connections" },
    };
    expect(unlikeDocument(topology.json, wanted, FREE)).toEqual([]);
    const ids = [registered.json, topology.json].map((json) => (json as { cluster_id: string }).cluster_id);
    expect(new Set(ids)).toEqual(new Set(["heddle"]));
  });

  it("P-02 P-07 knows the same node again, also after the director was started anew", async () => {
    const [first, again] = [await ask(REGISTER), await ask(REGISTER)];
    const idOf = ({ json }: { json: unknown }) => (json as { node_id: string }).node_id;
    const before = await workerOne();
    const { address } = director;
    await director.process.stop();
    director = await cluster.director({ address, env });
    expect(await workerOne()).toMatchObject({ node_id: idOf(first), created_at: (before as never)["created_at"] });
    const third = await ask(REGISTER);
    expect([again.status, third.status]).toEqual([201, 201]);
    expect(new Set([first, again, third].map(idOf)).size).toBe(1);
    expect(await nodes("?role=sub")).toHaveLength(1);
  });

  it("P-02 refuses a bad role with 400, a missing field with 422 and an unknown id with 404, and changes nothing", async () => {
    const before = (await nodes()).length;
    const good = { node_name: "x", ip_address: "10.0.0.9", role: "sub", resources: WORKER_1.resources };
    const { ip_address: _left, ...without } = good;
    const answers = await Promise.all([
      post("/nodes", { ...good, role: "slave" }),
      post("/nodes", without),
      post("/nodes", { ...good, resources: { cpu_cores: 4 } }),
      post("/nodes", { ...good, resources: { ...WORKER_1.resources, memory_mb: -1 } }),
      post("/nodes", { ...good, ip_address: "not an address" }),
      path("/nodes", "-X POST -H 'Content-Type: application/json' -d '{]'"),
      path("/nodes/nobody"),
      path("/nodes/nobody", "-X DELETE"),
      post("/nodes/nobody/status", { status: "online" }),
      path("/nodes?status=up"),
      path("/nothing"),
      path("/nodes", "-X PUT"),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400, 422, 422, 422, 400, 400, 404, 404, 404, 400, 404, 405]);
    for (const { json } of answers) {
      expect(json).toMatchObject({ success: false, message: expect.any(String), error: expect.any(String) });
    }
    expect(await nodes()).toHaveLength(before);
  });

  it("P-03 P-04 takes heartbeats with a status in lower case, and shows it; filters by it", async () => {
    const { node_id: id } = await workerOne();
    for (const status of ["error", "initializing", "maintenance", "offline", "online"]) {
      const answer = await post(`/nodes/${id}/status`, {
        status,
        metrics: { cpu_usage: 12.5, memory_usage: 40, temperature: 61 },
      });
      expect(answer.status).toBe(200);
      expect((await nodes(`?status=${status}&role=sub`)).map(({ node_id: each }) => each)).toEqual([id]);
    }
    const { json } = await path(`/nodes/${id}`);
    expect(json).toMatchObject({ status: "online", resources: { cpu_usage: 12.5, memory_usage: 40 } });
    expect((await post(`/nodes/${id}/status`, { status: "Online" })).status).toBe(400);
  });

  it("P-04 a node that says it is offline has not been heard of by that", async () => {
    const { node_id: id, last_heartbeat: heard } = await workerOne();
    const isLater = () => Math.floor(Date.now() / 1_000) > heard;
    await eventually("a second passes", isLater);
    await post(`/nodes/${id}/status`, { status: "offline" });
    expect(await workerOne()).toMatchObject({ status: "offline", last_heartbeat: heard });
    const health = { status: "unhealthy", total_nodes: 2, online_nodes: 1, master_nodes: 1, sub_nodes: 1 };
    expect((await ask(HEALTH)).json).toEqual(health);
    await post(`/nodes/${id}/status`, { status: "online" });
    expect((await ask(HEALTH)).json).toEqual({ ...health, status: "healthy", online_nodes: 2 });
  });

  it("P-06 has a worker of ours, which knows PICCOLO's variables, with the real figures of its machine", async () => {
    const env = {
      PICCOLO_MASTER_IP: director.address,
      PICCOLO_NODE_ROLE: "sub",
      PICCOLO_NODE_NAME: "edge-7",
      HEDDLE_WORKER_HEARTBEAT_MS: "200",
      WORKER_LABEL: "",
      DIRECTOR_ADDR: "",
    };
    await cluster.worker("edge-7", { env });
    let node: NodeInfo | undefined;
    await eventually("the worker is online, with a heartbeat", async () => {
      node = (await nodes()).find(({ node_name: name }) => name === "edge-7");
      return node?.status === "online" && node.resources.memory_usage !== 0;
    });
    expect(node).toMatchObject({ node_id: "edge-7", role: "sub" });
    const { cpu_cores: cores = 0, memory_mb: memory = 0, disk_gb: disk = 0 } = node!.resources;
    expect(cores).toBeGreaterThan(0);
    expect(memory).toBeGreaterThan(100);
    expect(disk).toBeGreaterThan(0);
    const itself = await post("/nodes/edge-7/status", { status: "offline" });
    expect(itself.status).toBe(400);
    expect(itself.json).toMatchObject({ message: expect.stringContaining("lives by the heartbeats of its agent") });
  });

  it("P-01 removes a node, and then does not know it", async () => {
    const { node_id: id } = await workerOne();
    const removed = await path(`/nodes/${id}`, "-X DELETE");
    expect(removed).toMatchObject({ status: 200, json: { success: true, message: "Node worker-1 removed" } });
    expect((await path(`/nodes/${id}`)).status).toBe(404);
    const master = (await nodes("?role=master"))[0]!;
    expect((await path(`/nodes/${master.node_id}`, "-X DELETE")).status).toBe(400);
  });
});
