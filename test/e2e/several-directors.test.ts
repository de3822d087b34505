import { ComputeServiceDefinition } from "../../src/api/index";
import { Cluster, type Started } from "../support/cluster";
import { eventually, freeAddress } from "../support/processes";

jest.setTimeout(60_000);

/** So that a director that says nothing is given up after 600 ms. */
const IMPATIENT = { dataKeepaliveMs: 300 };

describe("clients with several directors, on etcd", () => {
  let cluster: Cluster;
  let directors: Started[];

  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
    directors = [];
    for (let count = 0; count < 3; count += 1) directors.push(await cluster.director());
    await Promise.all(["a", "b"].map((label) => cluster.worker(label)));
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
  });
  afterAll(() => cluster.close());

  const addresses = () => directors.map(({ address }) => address);
  const at = (number: number) => directors[number]!;

  async function restart(number: number): Promise<void> {
    directors[number] = await cluster.director({ address: at(number).address });
    const [client] = [cluster.connect({ directors: [at(number).address] })];
    await cluster.whenReady(client, ["a", "b"]);
  }

  it("a client that knows one dead address and two living ones is served at once", async () => {
    const nobody = await freeAddress();
    for (const mode of ["proxy", "direct"] as const) {
      const client = cluster.connect({ directors: [nobody, at(1).address, at(2).address], mode });
      const { workerLabel } = await client.client(ComputeServiceDefinition).execute({ task: "echo" });
      expect(["a", "b"]).toContain(workerLabel);
    }
  });

  it("through directors: goes to the next when one is killed, and no call fails", async () => {
    const load = cluster.load(cluster.connect({ directors: addresses() }));
    await load.more(50);
    await at(0).process.kill();
    await load.more(100);
    await restart(0);
    await load.more(50);
    expect((await load.stop()).failures).toEqual([]);
  });

  it("through directors: leaves one that is frozen, and no call fails", async () => {
    const load = cluster.load(cluster.connect({ directors: addresses(), ...IMPATIENT }));
    await load.more(50);
    at(0).process.freeze();
    await load.more(200);
    at(0).process.thaw();
    await load.more(50);
    expect((await load.stop()).failures).toEqual([]);
  });

  it("through directors: a client that was told of one learns the others, and outlives it", async () => {
    const client = cluster.connect({ directors: [at(0).address] });
    const load = cluster.load(client);
    await load.more(50);
    await eventually("it has connected to all three", () => client.directors.length === 3);
    await at(0).process.kill();
    await load.more(100);
    await restart(0);
    expect((await load.stop()).failures).toEqual([]);
  });

  it("direct: goes on with every director dead, and learns of a worker that came since from the first that is back", async () => {
    const client = cluster.connect({ directors: [at(0).address], mode: "direct" });
    await eventually("it is connected to both workers and knows the directors", () => {
      return client.workers.length === 2 && client.directors.length === 3;
    });
    const load = cluster.load(client);
    await load.more(20);
    await Promise.all(directors.map(({ process }) => process.kill()));
    await load.more(100);
    directors[2] = await cluster.director({ address: at(2).address });
    await cluster.worker("c");
    await eventually("the client learns of c", () => client.workers.length === 3);
    await load.more(50);
    expect((await load.stop()).failures).toEqual([]);
  });
});
