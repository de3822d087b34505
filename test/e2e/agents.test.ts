import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AgentServiceDefinition, AgentState, type Agent } from "../../src/wire/contract";
import { Cluster, type Started } from "../support/cluster";
import { eventually } from "../support/processes";

jest.setTimeout(120_000);

/**
 * How long a move may take: a worker that dies together with its own director is missing from the record when that director's lease has ended (10 s),
 * and its agents are placed 15 s after that (docs/agents.md).
 */
const MOVE_MS = 60_000;

describe("agents on real processes, with two directors on etcd (G-04, G-05)", () => {
  let cluster: Cluster;
  const directors: Started[] = [];
  const workers = new Map<string, Started>();

  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
    for (let count = 0; count < 2; count += 1) directors.push(await cluster.director());
    const labels = ["a", "b"];
    const started = await Promise.all(labels.map((label) => cluster.worker(label)));
    labels.forEach((label, index) => workers.set(label, started[index]!));
    await cluster.whenReady(cluster.connect(), labels);
  });
  afterAll(() => cluster.close());

  /** By one director, and no other. */
  const by = (number: number) =>
    cluster.connect({ directors: [directors[number]!.address] }).client(AgentServiceDefinition);

  const untilRuns = async (name: string, memberId: string, number = 0): Promise<Agent> => {
    const client = by(number);
    let seen: Agent | undefined;
    await eventually(
      () => `${name} runs at ${memberId}, not ${seen?.memberId}: ${seen?.reason}`,
      async () => {
        seen = (await client.getAgent({ name })).agent;
        return seen?.state === AgentState.RUNNING && seen.memberId === memberId;
      },
      { withinMs: MOVE_MS },
    );
    return seen!;
  };

  it("assigned at one director, it runs where the other says, with its parameters; killed with -9, its worker loses it to another", async () => {
    const { agent } = await by(0).assignAgent({ name: "crawler", parameters: new Map([["site", "example.org"]]) });
    const here = agent!.memberId;
    const there = here === "a" ? "b" : "a";
    await untilRuns("crawler", here, 1);
    await workers.get(here)!.process.whenLogs("🧩 agent crawler begins");
    expect(workers.get(here)!.process.output).toContain("example.org");
    await workers.get(here)!.process.kill();
    const moved = await untilRuns("crawler", there, 1);
    expect(moved).toMatchObject({ moves: 1, generation: agent!.generation + 1n });
    expect(moved.reason).toMatch(/was judged dead/);
    await workers.get(there)!.process.whenLogs("🧩 agent crawler begins");
    workers.set(here, await cluster.worker(here));
    await cluster.whenReady(cluster.connect(), ["a", "b"]);
  });

  it("a module of handlers that exports onAgent runs agents, and ends them when they are released", async () => {
    const folder = await cluster.processes.folder;
    await writeFile(
      join(folder, "shop.proto"),
      'syntax = "proto3"; package shop.v1; service CartService { rpc Get(Cart) returns (Cart); } message Cart { string id = 1; }',
    );
    await writeFile(
      join(folder, "shop.js"),
      `exports.get = (cart) => cart;
      exports.onAgent = ({ name, parameters }) => {
        console.log("begun " + name + " for " + parameters.customer);
        return () => console.log("ended " + name);
      };`,
    );
    const args = ["worker", "--proto", join(folder, "shop.proto"), "--handlers", join(folder, "shop.js")];
    const { process } = await cluster.worker("shop", { args });
    await cluster.whenReady(cluster.connect(), ["a", "b", "shop"]);
    const parameters = new Map([["customer", "ann"]]);
    await by(0).assignAgent({ name: "cart", services: ["shop.v1.CartService"], parameters });
    await process.whenLogs("begun cart for ann");
    await by(1).releaseAgent({ name: "cart" });
    await process.whenLogs("ended cart");
    await process.stop();
  });

  it("with the leader killed too, the director that is left moves the agents of a worker that dies after it", async () => {
    const client = cluster.connect({ directors: [directors[0]!.address] });
    const { directorId } = await client.director.getLeader({});
    const { directors: all } = await client.director.getTopology({});
    const leading = all.find((director) => director.directorId === directorId)!.address;
    const number = directors[0]!.address === leading ? 0 : 1;
    const left = 1 - number;
    const { agent } = await by(left).assignAgent({ name: "indexer" });
    await untilRuns("indexer", agent!.memberId, left);
    await directors[number]!.process.kill();
    await workers.get(agent!.memberId)!.process.kill();
    const moved = await untilRuns("indexer", agent!.memberId === "a" ? "b" : "a", left);
    expect(moved.moves).toBe(1);
  });
});
