import { connect, createWorker, type FabricClient, type Worker } from "../../src/api/index";
import { SILENT_LOGGER } from "../../src/core/logger";
import { ComputeServiceDefinition } from "../../src/wire/contract";
import { type HttpDirector, httpDirector } from "../support/http/director";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

const MEMBERS: readonly Readonly<Record<string, string>>[] = [
  { WORKER_LABEL: "worker" },
  { WORKER_LABEL: "replica", ROLE: "replica" },
  { WORKER_LABEL: "coordinator", ROLE: "coordinator" },
  { WORKER_LABEL: "storage", ROLE: "agent", AGENT_TYPE: "storage" },
  { WORKER_LABEL: "gateway", ROLE: "gateway" },
  { WORKER_LABEL: "monitor", ROLE: "monitor", NODE_ID: "monitor-7" },
];

describe("The roles of members (H-02, G-02, P-02)", () => {
  let http: HttpDirector;
  let workers: Worker[];
  let client: FabricClient;

  beforeAll(async () => {
    http = await httpDirector({ HEDDLE_HTTP_ADDR: "127.0.0.1:0", HEDDLE_SLOW_START_MS: "0" });
    workers = MEMBERS.map((env) =>
      createWorker({
        env: { DIRECTOR_ADDR: http.director.address, WORKER_ADDR: "127.0.0.1:0", ...env },
        logger: SILENT_LOGGER,
      }),
    );
    await Promise.all(workers.map((worker) => worker.start()));
    client = connect({ directors: [http.director.address], mode: "proxy", env: {} });
    await eventually("all are there, and four are ready", async () => {
      const { members, readyMembers } = await client.director.getStats({});
      return members === MEMBERS.length && readyMembers === 4;
    });
  });

  afterAll(async () => {
    await client.close();
    await Promise.all(workers.map((worker) => worker.stop({ reason: "" })));
    await http.director.stop({ graceMs: 0 });
  });

  const answer = (match = "") =>
    client
      .client(ComputeServiceDefinition)
      .execute({ task: "echo" }, { timeoutMs: 10_000, metadata: match === "" ? {} : { "heddle-match": match } });

  it("are shown, and members are found by them", async () => {
    for (const role of ["worker", "replica", "coordinator", "agent", "gateway", "monitor"]) {
      const { members } = await client.director.listMembers({ role });
      expect(members.map((member) => member.role)).toEqual([role]);
    }
    const { members } = await client.director.listMembers({ match: "agent_type=storage" });
    expect(members.map(({ label }) => label)).toEqual(["storage"]);
    expect((await client.director.getMember({ memberId: "monitor-7" })).member).toMatchObject({ label: "monitor" });
  });

  it("bring no calls to a gateway or a monitor, which serve nothing by themselves", async () => {
    const seen = new Set<string>();
    for (let count = 0; count < 24; count += 1) seen.add((await answer()).workerLabel);
    expect([...seen].sort()).toEqual(["coordinator", "replica", "storage", "worker"]);
    const { members } = await client.director.listMembers({ role: "monitor" });
    expect(members[0]).toMatchObject({ ready: false, notReadyReason: "it serves nothing", services: [] });
    expect((await client.director.getClusterHealth({})).problems).toEqual([]);
  });

  it("choose the worker of a call where the call asks for one: a replica serves as any worker does", async () => {
    expect((await answer("role=replica")).workerLabel).toBe("replica");
    expect((await answer("role=agent,agent_type=storage")).workerLabel).toBe("storage");
  });
});
