import { once } from "node:events";
import { promisify } from "node:util";
import { credentials, Server, type ClientReadableStream } from "@grpc/grpc-js";
import {
  HealthClient,
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckResponse,
  type HealthListResponse,
} from "../../generated/grpc/health/v1/health";
import { ServiceHealth } from "../../src/wire/health-service";
import { addMounted, addReflection, bufCurl, listen, shopCatalog } from "./reflection-fixtures";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;

let server: Server;
let address: string;
let client: HealthClient;
let health: ServiceHealth;

beforeEach(async () => {
  health = new ServiceHealth({ watchersMax: 3 });
  server = new Server();
  addMounted(server, health.service);
  addReflection(server, shopCatalog());
  address = await listen(server);
  client = new HealthClient(address, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

function check(service: string): Promise<HealthCheckResponse> {
  return promisify<{ service: string }, HealthCheckResponse>(client.check.bind(client))({ service });
}

async function list(): Promise<[string, number][]> {
  const { statuses } = await promisify<object, HealthListResponse>(client.list.bind(client))({});
  return [...statuses].map(([name, { status }]) => [name, status]);
}

type Watch = ClientReadableStream<HealthCheckResponse>;

async function next(watch: Watch): Promise<number> {
  const [{ status }] = (await once(watch, "data")) as [HealthCheckResponse];
  return status;
}

async function ending(watch: Watch): Promise<{ code: number; details: string }> {
  watch.on("data", () => {});
  const [error] = (await once(watch, "error").catch((thrown: unknown) => [thrown])) as [
    { code: number; details: string },
  ];
  return error;
}

describe("Health", () => {
  it("knows the server itself from the start, and not as serving", async () => {
    expect(await check("")).toEqual({ status: NOT_SERVING });
    expect(await list()).toEqual([["", NOT_SERVING]]);
  });

  it("tells what was last said of a service", async () => {
    health.setStatus("", true);
    health.setStatus("a.Api", true);
    health.setStatus("b.Api", false);
    expect(await check("a.Api")).toEqual({ status: SERVING });
    expect(await check("b.Api")).toEqual({ status: NOT_SERVING });
    expect(await list()).toEqual([
      ["", SERVING],
      ["a.Api", SERVING],
      ["b.Api", NOT_SERVING],
    ]);
  });

  it("answers NOT_FOUND of a service that it does not know, or knows no longer", async () => {
    await expect(check("a.Api")).rejects.toMatchObject({ code: 5, details: "no service a.Api is known here" });
    health.setStatus("a.Api", true);
    health.forget("a.Api");
    await expect(check("a.Api")).rejects.toMatchObject({ code: 5 });
  });

  it("keeps knowing the server itself", async () => {
    health.setStatus("", true);
    health.forget("");
    expect(await check("")).toEqual({ status: SERVING });
  });

  it("watches a service that comes, changes and goes", async () => {
    const watch = client.watch({ service: "a.Api" });
    watch.on("error", () => {});
    expect(await next(watch)).toBe(SERVICE_UNKNOWN);
    health.setStatus("a.Api", false);
    expect(await next(watch)).toBe(NOT_SERVING);
    health.setStatus("a.Api", false);
    health.setStatus("a.Api", true);
    expect(await next(watch)).toBe(SERVING);
    health.forget("a.Api");
    expect(await next(watch)).toBe(SERVICE_UNKNOWN);
    watch.cancel();
  });

  it("skips to the latest status for a watcher that does not read", async () => {
    const watch = client.watch({ service: "" });
    watch.on("error", () => {});
    expect(await next(watch)).toBe(NOT_SERVING);
    watch.pause();
    for (let count = 0; count < 10_001; count += 1) health.setStatus("", count % 2 === 0);
    health.setStatus("a.Api", true);
    expect(await check("a.Api")).toEqual({ status: SERVING });
    const seen: number[] = [];
    const latest = new Promise<void>((resolve) => {
      watch.on("data", ({ status }: HealthCheckResponse) => {
        seen.push(status);
        // 10,001 changes end on SERVING; then this one.
        if (status === NOT_SERVING && seen.length > 1) resolve();
      });
    });
    watch.resume();
    await once(watch, "data");
    health.stop();
    await latest;
    expect(seen.length).toBeLessThan(1_000);
    watch.cancel();
  });

  it("bounds its watchers, and takes another when one leaves", async () => {
    const watches = ["", "a", "b"].map((service) => client.watch({ service }));
    for (const watch of watches) {
      watch.on("error", () => {});
      await next(watch);
    }
    const refused = await ending(client.watch({ service: "" }));
    expect(refused).toMatchObject({ code: 8, details: expect.stringMatching(/^3 health watches are open/) as string });
    watches[0]!.cancel();
    await ending(watches[0]!);
    // The cancellation reaches the server before a call made after it on the same connection.
    await check("");
    const watch = client.watch({ service: "" });
    watch.on("error", () => {});
    expect(await next(watch)).toBe(NOT_SERVING);
    for (const other of [watch, ...watches]) other.cancel();
  });

  it("serves nothing after stop, whatever it is told", async () => {
    health.setStatus("", true);
    health.setStatus("a.Api", true);
    const watch = client.watch({ service: "a.Api" });
    watch.on("error", () => {});
    expect(await next(watch)).toBe(SERVING);
    health.stop();
    expect(await next(watch)).toBe(NOT_SERVING);
    health.setStatus("a.Api", true);
    health.setStatus("b.Api", true);
    expect(await list()).toEqual([
      ["", NOT_SERVING],
      ["a.Api", NOT_SERVING],
    ]);
    watch.cancel();
  });

  it("ends its watches so that the server can stop without force", async () => {
    const watch = client.watch({ service: "" });
    watch.on("error", () => {});
    await next(watch);
    const ended = ending(watch);
    health.stop();
    health.endWatches();
    health.endWatches();
    expect(await ended).toMatchObject({ code: 14, details: "the server is stopping" });
    await promisify(server.tryShutdown.bind(server))();
  });

  it("answers buf curl by reflection", async () => {
    health.setStatus("shop.v1.ShopService", true);
    const answer = await bufCurl(
      `${address}/grpc.health.v1.Health/Check`,
      "--data",
      '{"service": "shop.v1.ShopService"}',
    );
    expect(JSON.parse(answer)).toEqual({ status: "SERVING" });
  });
});
