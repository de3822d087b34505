import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as TcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { Server, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  ServerReflectionService,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../generated/grpc/reflection/v1/reflection";
import { systemClock } from "../../src/platform/system-clock";
import { DescriptorSet } from "../../src/wire/descriptor-set";
import { fetchDescriptors, readDescriptors, type FetchDescriptorsOptions } from "../../src/wire/reflection-client";
import { reflect, reflectionServices } from "../../src/wire/reflection-service";
import { ManualClock } from "../../src/testing/manual-clock";
import { addMounted, addReflection, addShop, listen, shopCatalog, shopContract } from "./reflection-fixtures";

const SERVICE = "shop.v1.ShopService";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.forceShutdown();
});

/** Starts a server; gives its address. */
async function start(add: (server: Server) => void): Promise<string> {
  const server = new Server();
  servers.push(server);
  add(server);
  return listen(server);
}

type Stream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/** A server whose reflection is not ours. */
function startPeer(serverReflectionInfo: (stream: Stream) => void): Promise<string> {
  return start((server) => server.addService(ServerReflectionService, { serverReflectionInfo }));
}

function fetch(address: string, options: Partial<FetchDescriptorsOptions> = {}): Promise<Uint8Array> {
  return fetchDescriptors({ address, services: [SERVICE], clock: systemClock, ...options });
}

function files(bytes: Uint8Array): string[] {
  return [...DescriptorSet.parse(bytes).files.keys()];
}

const SHOP_FILES = ["money.proto", "google/protobuf/timestamp.proto", "google/protobuf/duration.proto", "shop.proto"];

describe("Reflection client", () => {
  it("fetches the contract of a service, the same bytes as its worker has", async () => {
    const address = await start((server) => addReflection(server, shopCatalog()));
    const fetched = await fetch(address);
    expect(files(fetched)).toEqual(SHOP_FILES);
    expect(Buffer.compare(fetched, shopContract().descriptorSet)).toBe(0);
  });

  it("falls back to v1alpha", async () => {
    const [, v1alpha] = reflectionServices(shopCatalog());
    const address = await start((server) => addMounted(server, v1alpha!));
    expect(files(await fetch(address))).toEqual(SHOP_FILES);
  });

  it("takes all listed services but reflection and health when none is named", async () => {
    const address = await start((server) => addReflection(server, shopCatalog()));
    const { services } = DescriptorSet.parse(await fetch(address, { services: [] }));
    expect(services.map(({ fullName }) => fullName).sort()).toEqual([
      "heddle.v1.AgentService",
      "heddle.v1.AttachService",
      "heddle.v1.DirectorService",
      SERVICE,
    ]);
  });

  it("asks for the imports of a server that answers one file at a time", async () => {
    const catalog = shopCatalog();
    const address = await startPeer((stream) => {
      stream.on("end", () => stream.end());
      stream.on("data", (request: ServerReflectionRequest) => {
        const answer = reflect(request, catalog);
        const { messageResponse } = answer;
        const only =
          messageResponse?.$case === "fileDescriptorResponse"
            ? {
                ...messageResponse,
                value: { fileDescriptorProto: messageResponse.value.fileDescriptorProto.slice(0, 1) },
              }
            : messageResponse;
        stream.write({ ...answer, messageResponse: only });
      });
    });
    expect(files(await fetch(address)).sort()).toEqual([...SHOP_FILES].sort());
  });

  describe("fails, saying what to do,", () => {
    it("without reflection", async () => {
      await expect(fetch(await start(addShop))).rejects.toThrow(
        /DESCRIPTOR_CONFLICT.*no reflection.*descriptor set file/,
      );
    });

    it("on a service that the server does not have", async () => {
      const address = await start((server) => addReflection(server, shopCatalog()));
      await expect(fetch(address, { services: ["gone.Api"] })).rejects.toThrow(
        /DESCRIPTOR_CONFLICT.*does not describe service gone\.Api: NOT_FOUND/,
      );
    });

    it("on an address where nobody listens", async () => {
      await expect(fetch("127.0.0.1:1")).rejects.toThrow(/WORKER_UNREACHABLE.*127\.0\.0\.1:1: UNAVAILABLE/);
    });

    it("on garbage for a file", async () => {
      const address = await startPeer((stream) => {
        stream.on("data", () => {
          const value = { fileDescriptorProto: [Buffer.from([0xff, 0xff])] };
          stream.write({
            validHost: "",
            originalRequest: undefined,
            messageResponse: { $case: "fileDescriptorResponse", value },
          });
        });
      });
      await expect(fetch(address)).rejects.toThrow(/DESCRIPTOR_CONFLICT.*is no FileDescriptorProto/);
    });

    it("on an answer to another question, rather than asking for ever", async () => {
      const catalog = shopCatalog();
      const address = await startPeer((stream) => {
        stream.on("data", (request: ServerReflectionRequest) => {
          const messageRequest = { $case: "fileByFilename", value: "shop.proto" } as const;
          const [first = Buffer.alloc(0)] = catalog.findFile("shop.proto")!.map(({ bytes }) => Buffer.from(bytes));
          stream.write({
            ...reflect({ ...request, messageRequest }, catalog),
            messageResponse: { $case: "fileDescriptorResponse", value: { fileDescriptorProto: [first] } },
          });
        });
      });
      await expect(fetch(address)).rejects.toThrow(/answered other files than money\.proto/);
    });

    it("on more bytes than it takes", async () => {
      const address = await start((server) => addReflection(server, shopCatalog()));
      await expect(fetch(address, { bytesMax: 800 })).rejects.toThrow(/RESOURCE_EXHAUSTED|more than 800 bytes/);
    });

    it("on a stream that the server ends early", async () => {
      const address = await startPeer((stream) => stream.end());
      await expect(fetch(address)).rejects.toThrow(/WORKER_UNREACHABLE.*ended the reflection stream early/);
    });

    it("at the deadline, on a server that does not answer, and leaves no timer behind", async () => {
      let asked = () => {};
      const wasAsked = new Promise<void>((resolve) => (asked = resolve));
      const address = await startPeer((stream) => void stream.on("data", asked));
      const clock = new ManualClock();
      const fetched = expect(fetch(address, { clock, timeoutMs: 2_000 })).rejects.toThrow(
        /DEADLINE_EXCEEDED.*did not describe itself in 2000 ms/,
      );
      await wasAsked;
      await clock.advance(2_000);
      await fetched;
      expect(clock.pendingTimers).toBe(0);
    });

    it("at the deadline, on a port that takes connections and says nothing", async () => {
      const connections: Socket[] = [];
      const silent: TcpServer = createServer((socket) => void connections.push(socket)).listen(0, "127.0.0.1");
      await once(silent, "listening");
      const clock = new ManualClock();
      const connected = once(silent, "connection");
      const { port } = silent.address() as { port: number };
      const fetched = expect(fetch(`127.0.0.1:${port}`, { clock, timeoutMs: 2_000 })).rejects.toThrow(
        /DEADLINE_EXCEEDED/,
      );
      await connected;
      await clock.advance(2_000);
      await fetched;
      for (const socket of connections) socket.destroy();
      silent.close();
    });

    it("when cancelled, before or while it asks", async () => {
      const address = await startPeer(() => {});
      await expect(fetch(address, { signal: AbortSignal.abort() })).rejects.toThrow(/CANCELLED/);
      const abort = new AbortController();
      const fetched = expect(fetch(address, { signal: abort.signal })).rejects.toThrow(/CANCELLED/);
      abort.abort();
      await fetched;
    });
  });
});

describe("Descriptor set file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "heddle-descriptors-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(bytes: Uint8Array): string {
    const path = join(folder, "set.binpb");
    writeFileSync(path, bytes);
    return path;
  }

  it("gives the named services, or all", async () => {
    const path = write(shopContract().descriptorSet);
    expect(files(await readDescriptors(path, [SERVICE]))).toEqual(SHOP_FILES);
    expect(files(await readDescriptors(path, []))).toEqual(SHOP_FILES);
  });

  it.each([
    ["that does not exist", () => join(folder, "gone.binpb"), /INVALID_ARGUMENT.*gone\.binpb cannot be read: ENOENT/],
    ["that is a folder", () => folder, /INVALID_ARGUMENT.*cannot be read: EISDIR/],
    ["that is no descriptor set", () => write(Buffer.from('syntax = "proto3";')), /DESCRIPTOR_CONFLICT.*no serialized/],
    ["that is too large", () => write(new Uint8Array((16 << 20) + 1)), /INVALID_ARGUMENT.*16777217 bytes/],
  ])("refuses one %s", async (_name, path, message) => {
    await expect(readDescriptors(path(), [])).rejects.toThrow(message);
  });

  it("names the services there are when the wanted one is missing", async () => {
    const path = write(shopContract().descriptorSet);
    await expect(readDescriptors(path, ["gone.Api"])).rejects.toThrow(
      /"gone\.Api".*Its services: shop\.v1\.ShopService/,
    );
  });
});
