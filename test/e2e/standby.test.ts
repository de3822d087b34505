import { ComputeServiceDefinition, type FabricClient } from "../../src/api/index";
import { Cluster } from "../support/cluster";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

const SLEEP = { task: "sleep", parameters: new Map([["ms", "1500"]]) };

describe("A worker that started as a standby, beside one with a single slot (G-02, H-02)", () => {
  let cluster: Cluster;
  let proxied: FabricClient;
  let direct: FabricClient;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
    await cluster.director({ env: { HEDDLE_SLOW_START_MS: "0" } });
    await cluster.worker("first", { env: { WORKER_SLOTS: "1", HEDDLE_RECONNECT_MAX_MS: "500" } });
    await cluster.worker("spare", { env: { WORKER_STANDBY: "true" } });
    proxied = cluster.connect();
    direct = cluster.connect({ mode: "direct" });
    await cluster.whenReady(proxied, ["first", "spare"]);
  });

  afterAll(() => cluster.close());

  const call = async (client: FabricClient, request: { task: string } = { task: "echo" }) =>
    (await client.client(ComputeServiceDefinition).execute(request, { timeoutMs: 20_000 })).workerLabel;

  it.each(["proxy", "direct"])("gets calls of clients in %s mode only while the other is full", async (mode) => {
    const client = mode === "proxy" ? proxied : direct;
    for (let count = 0; count < 5; count += 1) expect(await call(client)).toBe("first");
    const long = call(client, SLEEP);
    await eventually("the slot is taken", async () => {
      const { members } = await proxied.director.listMembers({});
      const [first] = members.filter(({ label }) => label === "first");
      return mode === "direct" || first!.directorInFlight === 1;
    });
    const meanwhile = await Promise.all([call(client), call(client)]);
    expect(await long).toBe("first");
    expect(meanwhile).toEqual(["spare", "spare"]);
    expect(await call(client)).toBe("first");
  });

  it("is shown as such", async () => {
    const { member } = await proxied.director.getMember({ memberId: "spare" });
    expect(member).toMatchObject({ ready: true, intent: { reason: "it started as standby" } });
  });
});
