import { once } from "node:events";
import { Client, credentials, Metadata, Server } from "@grpc/grpc-js";
import { ServerReflectionClient, type ServerReflectionResponse } from "../../generated/grpc/reflection/v1/reflection";
import { CONTROL_SERVICES } from "../../src/wire/descriptor-contract";
import { addReflection, addShop, bufCurl, listen, shopCatalog } from "./reflection-fixtures";

let server: Server;
let address: string;

beforeAll(async () => {
  server = new Server();
  addShop(server);
  addReflection(server, shopCatalog());
  address = await listen(server);
});

afterAll(() => server.forceShutdown());

describe("Reflection, asked by buf curl", () => {
  it.each(["grpc-v1", "grpc-v1alpha"])("lists control services and those of workers by %s", async (protocol) => {
    const listed = await bufCurl(address, "--reflect-protocol", protocol, "--list-services");
    expect(listed.trim().split("\n").sort()).toEqual([...CONTROL_SERVICES, "shop.v1.ShopService"].sort());
  });

  it("lists the methods of all services", async () => {
    const listed = (await bufCurl(address, "--list-methods")).split("\n");
    expect(listed).toEqual(
      expect.arrayContaining([
        "shop.v1.ShopService/Order",
        "shop.v1.ShopService/Haggle",
        "heddle.v1.DirectorService/ListMembers",
        "grpc.health.v1.Health/List",
      ]),
    );
  });

  it.each(["grpc-v1", "grpc-v1alpha"])(
    "makes a call with imported, nested, map, enum and well-known types by %s",
    async (protocol) => {
      const item = {
        name: "kettle",
        priceByShop: { corner: { currency: "EUR", units: "9007199254740993" } },
        rounding: "ROUNDING_UP",
        at: "2026-11-21T00:00:00Z",
        labels: [{ text: "steel" }],
        gift: false,
      };
      const answer = await bufCurl(
        `${address}/shop.v1.ShopService/Order`,
        "--reflect-protocol",
        protocol,
        "--data",
        JSON.stringify({ item }),
      );
      expect(JSON.parse(answer)).toEqual({ item });
    },
  );
});

describe("Reflection streams", () => {
  function open() {
    const client = new ServerReflectionClient(address, credentials.createInsecure());
    return { client, stream: client.serverReflectionInfo() };
  }

  it("answer each request, in order, errors included, and end when the client ends", async () => {
    const { client, stream } = open();
    const answers: ServerReflectionResponse[] = [];
    stream.on("data", (answer: ServerReflectionResponse) => answers.push(answer));
    const names = Array.from({ length: 200 }, (_, index) => (index % 2 === 0 ? `gone${index}` : "shop.v1.ShopService"));
    for (const value of names) stream.write({ host: "", messageRequest: { $case: "fileContainingSymbol", value } });
    stream.end();
    await once(stream, "end");
    expect(answers.map(({ originalRequest }) => originalRequest?.messageRequest?.value)).toEqual(names);
    expect(new Set(answers.map(({ messageResponse }) => messageResponse?.$case))).toEqual(
      new Set(["errorResponse", "fileDescriptorResponse"]),
    );
    client.close();
  });

  it("that are cancelled, broken off or undecodable do no harm to the next", async () => {
    const cancelled = open();
    cancelled.stream.on("error", () => {});
    for (let count = 0; count < 500; count += 1) {
      cancelled.stream.write({
        host: "",
        messageRequest: { $case: "fileContainingSymbol", value: "shop.v1.ShopService" },
      });
    }
    await once(cancelled.stream, "data");
    cancelled.stream.cancel();
    cancelled.client.close();

    const raw = new Client(address, credentials.createInsecure());
    const garbage = raw.makeBidiStreamRequest(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      new Metadata(),
    );
    garbage.on("data", () => {});
    garbage.write(Buffer.from([0xff, 0xff, 0xff]));
    const [error] = (await once(garbage, "error").catch((thrown: unknown) => [thrown])) as [{ code: number }];
    expect(error.code).toBe(3);
    raw.close();

    const next = open();
    next.stream.write({ host: "", messageRequest: { $case: "listServices", value: "" } });
    const [answer] = (await once(next.stream, "data")) as [ServerReflectionResponse];
    expect(answer.messageResponse?.$case).toBe("listServicesResponse");
    next.stream.end();
    await once(next.stream, "end");
    next.client.close();
  });

  it("tell of services that attach while they are open", async () => {
    const catalog = shopCatalog();
    const live = new Server();
    addReflection(live, catalog);
    const client = new ServerReflectionClient(await listen(live), credentials.createInsecure());
    const stream = client.serverReflectionInfo();
    const listed = async () => {
      stream.write({ host: "", messageRequest: { $case: "listServices", value: "" } });
      const [answer] = (await once(stream, "data")) as [ServerReflectionResponse];
      return JSON.stringify(answer.messageResponse);
    };
    expect(await listed()).toContain("shop.v1.ShopService");
    catalog.sync([]);
    expect(await listed()).not.toContain("shop.v1.ShopService");
    stream.end();
    await once(stream, "end");
    client.close();
    live.forceShutdown();
  });
});
