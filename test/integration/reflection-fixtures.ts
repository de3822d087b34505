import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Server } from "@grpc/grpc-js";
import { ServerCredentials, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall } from "@grpc/grpc-js";
import { DescriptorCatalog } from "../../src/wire/descriptor-catalog";
import { CONTROL_SERVICES, heddleDescriptors } from "../../src/wire/descriptor-contract";
import { descriptorSetHash } from "../../src/wire/descriptor-set";
import { incomingCall } from "../../src/wire/incoming-call";
import { loadProtoContract, type ProtoContract } from "../../src/wire/proto-contract";
import { reflectionServices } from "../../src/wire/reflection-service";
import type { MountedService } from "../../src/rpc/service/service-handlers";

/** With everything that a converter of descriptors gets wrong first: imports, maps, enums, nested and well-known types. */
const SHOP: Readonly<Record<string, string>> = {
  "money.proto": `syntax = "proto3"; package money.v1;
    message Money { string currency = 1; int64 units = 2; }
    enum Rounding { ROUNDING_UNSPECIFIED = 0; ROUNDING_UP = 1; }`,
  "shop.proto": `syntax = "proto3"; package shop.v1;
    import "money.proto";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/duration.proto";
    service ShopService {
      rpc Order(OrderRequest) returns (OrderResponse);
      rpc Follow(OrderRequest) returns (stream OrderResponse);
      rpc Haggle(stream OrderRequest) returns (stream OrderResponse);
    }
    message OrderRequest { Item item = 1; }
    message OrderResponse { Item item = 1; }
    message Item {
      string name = 1;
      map<string, money.v1.Money> price_by_shop = 2;
      money.v1.Rounding rounding = 3;
      oneof when { google.protobuf.Timestamp at = 4; google.protobuf.Duration within = 5; }
      message Label { string text = 1; }
      repeated Label labels = 6;
      optional bool gift = 7;
    }`,
};

/** A contract that no generated code of ours knows. */
export function shopContract(): ProtoContract {
  const folder = mkdtempSync(join(tmpdir(), "heddle-shop-"));
  try {
    for (const [name, text] of Object.entries(SHOP)) writeFileSync(join(folder, name), text);
    return loadProtoContract({ files: [join(folder, "shop.proto")] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A catalogue as a director has it, with one worker that serves the shop. */
export function shopCatalog(): DescriptorCatalog {
  const { descriptorSet, services } = shopContract();
  const catalog = new DescriptorCatalog(heddleDescriptors(CONTROL_SERVICES));
  const hash = descriptorSetHash(descriptorSet);
  catalog.add(hash, descriptorSet);
  catalog.sync([{ descriptorSetHash: hash, services: services.map(({ fullName }) => fullName) }]);
  return catalog;
}

/** Answers every Order with what it asked for. */
export function addShop(server: Server): void {
  for (const { definition } of shopContract().services) {
    server.addService(definition, {
      Order: (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => answer(null, call.request),
    });
  }
}

/** Adds a service of ours to a server that has those of others too. */
export function addMounted(server: Server, { methods }: MountedService): void {
  for (const [path, run] of methods) {
    server.register(
      path,
      (stream: ServerDuplexStream<Buffer, Buffer>) => run(incomingCall(stream)),
      asIs,
      asIs,
      "bidi",
    );
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

export function addReflection(server: Server, catalog: DescriptorCatalog): void {
  for (const service of reflectionServices(catalog)) addMounted(server, service);
}

/** Starts to listen on a free port; resolves to host:port. */
export async function listen(server: Server): Promise<string> {
  const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", ServerCredentials.createInsecure());
  return `127.0.0.1:${port}`;
}

const BUF = require.resolve("@bufbuild/buf/bin/buf");

/** Runs `buf curl` over plain-text gRPC. `target` is host:port, with /package.Service/Method for a call. */
export async function bufCurl(target: string, ...args: string[]): Promise<string> {
  const plain = ["--protocol", "grpc", "--http2-prior-knowledge"];
  const { stdout } = await promisify(execFile)(process.execPath, [BUF, "curl", ...plain, ...args, `http://${target}`]);
  return stdout;
}
