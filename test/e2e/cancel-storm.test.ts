import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import type { FabricClient } from "../../src/api/index";
import { loadProtoContract } from "../../src/wire/proto-contract";
import { Cluster } from "../support/cluster";
import { eventually, freeAddress } from "../support/processes";
import { MOMENTS, StormClient } from "../support/storm/storm-client";
import { STORM_PROTO } from "../support/storm/storm-proto";

jest.setTimeout(120_000);

const FOLDER = resolve("test/e2e/storm");
const ROUNDS = 20;
/** Of each moment in a round: 6,000 calls in all, five times what ends a connection to a server on nghttp2. */
const CANCELS = 60;

describe("a storm of cancelled calls through the director fails no other call", () => {
  let cluster: Cluster;
  let director: string;
  let operator: FabricClient;
  let proto: string;
  const clients: StormClient[] = [];

  beforeEach(async () => {
    cluster = await Cluster.open("the embedded store");
    ({ address: director } = await cluster.director());
    operator = cluster.connect();
    proto = join(await cluster.processes.folder, "storm.proto");
    await writeFile(proto, STORM_PROTO);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await cluster.close();
  });

  function connect(): StormClient {
    const client = new StormClient(director);
    clients.push(client);
    return client;
  }

  async function plainServer(): Promise<void> {
    const target = await freeAddress();
    const server = await cluster.processes.spawn(process.execPath, {
      name: "server",
      args: [join(FOLDER, "storm-server.js"), target, proto],
    });
    await server.whenLogs("listening on");
    const descriptors = join(await cluster.processes.folder, "storm.binpb");
    await writeFile(descriptors, loadProtoContract({ files: [proto] }).descriptorSet);
    const args = ["attach", "--target", target, "--descriptors", descriptors, "--services", "storm.v1.StormService"];
    await cluster.processes.heddle("heddle", { args, env: { DIRECTOR_ADDR: director, WORKER_LABEL: "storm" } });
  }

  async function ownWorker(): Promise<void> {
    await cluster.worker("storm", { args: ["worker", "--proto", proto, "--handlers", join(FOLDER, "storm.js")] });
  }

  /** Calls in flight as the picker counts them. */
  async function inFlight(): Promise<number> {
    const { perMember } = await operator.director.getStats({});
    return perMember.reduce((sum, member) => sum + member.inFlight, 0);
  }

  it.each([
    ["a server of grpc-js that knows nothing of Heddle", plainServer],
    ["a worker of ours", ownWorker],
  ])(
    "with %s: unary calls and streams of others and of the same client, and all slots come back",
    async (_who, start) => {
      await start();
      await cluster.whenReady(operator, ["storm"]);
      const stormy = connect();
      const calm = connect();
      const chats: ReturnType<StormClient["chat"]>[] = [];
      const verdicts = new Set<string>();
      // Before a client knows how many streams it may open, it opens 100.
      for (const client of clients) await eventually("it is answered", async () => (await client.echo()) === "");

      for (let round = 0; round < ROUNDS; round += 1) {
        // One more stream of each client, so that every connection that the storm wears out has some.
        chats.push(calm.chat(), stormy.chat());
        for (let count = 0; count < CANCELS; count += 1) for (const moment of MOMENTS) stormy.cancel(moment);
        verdicts.add(await stormy.echo());
        stormy.cancelBegun();
        const innocents = [calm.echo(), stormy.echo(), calm.echo(), ...chats.map((chat) => chat.say())];
        for (const verdict of await Promise.all(innocents)) verdicts.add(verdict);
        // What is cancelled when its answer begins holds a stream until then: there must be one for the next round's innocents.
        await eventually("the cancelled calls are over", () => stormy.openStreams <= ROUNDS);
      }
      expect([...verdicts]).toEqual([""]);
      expect([stormy.lost, calm.lost]).toEqual(["", ""]);
      expect(stormy.cancelled).toBe(ROUNDS * CANCELS * MOMENTS.length);

      expect(await Promise.all(chats.map((chat) => chat.end()))).toEqual(chats.map(() => ""));
      await eventually("no slot is held", async () => (await inFlight()) === 0);
    },
  );
});
