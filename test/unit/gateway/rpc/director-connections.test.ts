import type { Connection } from "../../../../src/core/call";
import { messageOf } from "../../../../src/core/errors";
import type { GatewayParts } from "../../../../src/gateway/gateway-parts";
import { DirectorConnections } from "../../../../src/gateway/rpc/director-connections";

class FakeConnection {
  isClosed = false;
  readonly address: string;

  constructor(address: string) {
    this.address = address;
  }

  close(): void {
    this.isClosed = true;
  }
}

function rig(count: number) {
  const made: FakeConnection[] = [];
  const own = new FakeConnection("own") as unknown as Connection;
  const directors = Array.from({ length: count }, (_, index) => {
    return { directorId: `d${index}`, address: `host${index}:1`, self: index === 0 };
  });
  const connections = new DirectorConnections({
    config: { directorId: "d0" },
    connection: own,
    director: { getTopology: () => Promise.resolve({ directors }) },
    connectDirector: (address: string) => {
      made.push(new FakeConnection(address));
      return made.at(-1);
    },
  } as unknown as Pick<GatewayParts, "config" | "connection" | "director" | "connectDirector">);
  return { connections, made, own };
}

describe("Connections to other directors", () => {
  it("are not needed for this one", () => {
    const { connections, made, own } = rig(2);
    expect([connections.to(""), connections.to("d0")]).toEqual([own, own]);
    expect(made).toEqual([]);
  });

  it("are made once for each and kept, until the port closes", async () => {
    const { connections, made } = rig(3);
    const first = await connections.to("d1");
    expect(await connections.to("d1")).toBe(first);
    await connections.to("d2");
    expect(made.map(({ address }) => address)).toEqual(["host1:1", "host2:1"]);
    connections.close();
    expect(made.map(({ isClosed }) => isClosed)).toEqual([true, true]);
    await expect(connections.to("d1")).rejects.toThrow("stopping");
  });

  it("are 256 at most: the one that was asked longest ago is closed", async () => {
    const { connections, made } = rig(258);
    for (let index = 1; index <= 256; index += 1) await connections.to(`d${index}`);
    await connections.to("d1");
    await connections.to("d257");
    expect(made.filter(({ isClosed }) => isClosed).map(({ address }) => address)).toEqual(["host2:1"]);
  });

  it("are refused for an id that no director has, with those there are", async () => {
    const message = await Promise.resolve(rig(2).connections.to("d9")).then(String, messageOf);
    expect(message).toContain('heddle-director is "d9", and the directors are d0, d1');
  });
});
