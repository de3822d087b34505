import fc from "fast-check";
import { FabricError } from "../../../src/core/errors";
import { DescriptorCatalog } from "../../../src/wire/descriptor-catalog";
import { CONTROL_SERVICES, heddleDescriptors } from "../../../src/wire/descriptor-contract";
import { descriptorSetHash } from "../../../src/wire/descriptor-set";
import {
  descriptorSetBytes,
  messageField,
  protoFile,
  serviceFile,
  serviceOf,
  stringField,
  type FileInit,
} from "./descriptor-fixtures";

const OWN = heddleDescriptors(CONTROL_SERVICES);

function add(catalog: DescriptorCatalog, ...files: FileInit[]): string {
  return addBytes(catalog, descriptorSetBytes(...files));
}

function addBytes(catalog: DescriptorCatalog, bytes: Uint8Array): string {
  const hash = descriptorSetHash(bytes);
  catalog.add(hash, bytes);
  return hash;
}

function names(files: readonly { readonly name: string }[] | undefined): string[] | undefined {
  return files?.map(({ name }) => name);
}

function member(descriptorSetHash: string, ...services: string[]) {
  return { descriptorSetHash, services };
}

describe("DescriptorCatalog", () => {
  it("has the process's own services from the start", () => {
    const catalog = new DescriptorCatalog(OWN);
    expect(catalog.serviceNames()).toEqual([...CONTROL_SERVICES].sort());
    expect(catalog.method("/heddle.v1.DirectorService/ListMembers")).toEqual({
      requestStream: false,
      responseStream: false,
      idempotent: true,
      resumable: false,
    });
    expect(catalog.method("/heddle.v1.DirectorService/Gone")).toBeUndefined();
  });

  it("is empty without own services", () => {
    const catalog = new DescriptorCatalog();
    expect(catalog.serviceNames()).toEqual([]);
    expect(catalog.findSymbol("heddle.v1.DirectorService")).toBeUndefined();
  });

  it("answers a file or symbol of an attached worker with all its imports, the file itself first", () => {
    const catalog = new DescriptorCatalog(OWN);
    const base = protoFile("base.proto", "base", { messageType: [{ name: "B" }] });
    const types = protoFile("types.proto", "types", {
      dependency: ["base.proto", "google/protobuf/timestamp.proto"],
      messageType: [{ name: "T", field: [messageField("b", ".base.B")] }],
    });
    add(catalog, base, types, serviceFile("api.proto", "app", { imports: ["types.proto"] }));
    const all = ["api.proto", "types.proto", "base.proto", "google/protobuf/timestamp.proto"];
    expect(names(catalog.findSymbol("app.Api"))).toEqual(all);
    expect(names(catalog.findSymbol("app.Api.Call"))).toEqual(all);
    expect(names(catalog.findFile("api.proto"))).toEqual(all);
    expect(names(catalog.findSymbol("types.T.b"))).toEqual(all.slice(1));
    expect(catalog.findFile("gone.proto")).toBeUndefined();
    expect(catalog.findSymbol("app.Gone")).toBeUndefined();
  });

  it("answers Protobuf's own files although no set has them", () => {
    expect(names(new DescriptorCatalog().findFile("google/protobuf/type.proto"))).toEqual([
      "google/protobuf/type.proto",
      "google/protobuf/any.proto",
      "google/protobuf/source_context.proto",
    ]);
  });

  it("finds extensions by number and lists them from all sets", () => {
    const catalog = new DescriptorCatalog();
    const base = protoFile("base.proto", "base", {
      syntax: "proto2",
      messageType: [{ name: "B", extensionRange: [{ start: 100, end: 200 }] }],
    });
    const extending = (name: string, number: number) =>
      protoFile(`${name}.proto`, name, {
        syntax: "proto2",
        dependency: ["base.proto"],
        extension: [{ ...stringField("note", number), extendee: ".base.B" }],
      });
    add(catalog, base, extending("one", 101));
    add(catalog, base, extending("two", 100));
    expect(catalog.extensionNumbers("base.B")).toEqual([100, 101]);
    expect(names(catalog.findExtension("base.B", 101))).toEqual(["one.proto", "base.proto"]);
    expect(catalog.findExtension("base.B", 102)).toBeUndefined();
    expect(catalog.extensionNumbers("one.note")).toBeUndefined();
  });

  describe("refuses", () => {
    function refusal(catalog: DescriptorCatalog, hash: string, bytes: Uint8Array): string {
      const before = [catalog.serviceNames(), catalog.has(hash)];
      let refused: unknown;
      try {
        catalog.add(hash, bytes);
      } catch (error) {
        refused = error;
      }
      expect(refused).toBeInstanceOf(FabricError);
      expect((refused as FabricError).code).toBe("DESCRIPTOR_CONFLICT");
      expect([catalog.serviceNames(), catalog.has(hash)]).toEqual(before);
      return (refused as FabricError).message;
    }
    const refusalOf = (catalog: DescriptorCatalog, ...files: FileInit[]) => {
      const bytes = descriptorSetBytes(...files);
      return refusal(catalog, descriptorSetHash(bytes), bytes);
    };

    it("K1: a file of the director's own that differs", () => {
      const forged = protoFile("heddle/v1/member.proto", "heddle.v1", { messageType: [{ name: "Member" }] });
      expect(refusalOf(new DescriptorCatalog(OWN), forged)).toMatch(
        /"heddle\/v1\/member\.proto" belongs to the director.*leave it out/,
      );
    });

    it.each([
      [
        "a service",
        protoFile("mine.proto", "grpc.health.v1", {
          messageType: [{ name: "M" }],
          service: [serviceOf("Health", { message: ".grpc.health.v1.M" })],
        }),
        "grpc.health.v1.Health",
      ],
      ["a message", protoFile("mine.proto", "heddle.v1", { messageType: [{ name: "Member" }] }), "heddle.v1.Member"],
      [
        "a file that pretends to be Protobuf's",
        protoFile("google/protobuf/x.proto", "heddle.v1", { messageType: [{ name: "Member" }] }),
        "heddle.v1.Member",
      ],
    ])("K1: %s of the director's own in another file", (_name, file, symbol) => {
      expect(refusalOf(new DescriptorCatalog(OWN), file)).toContain(
        `the symbol "${symbol}" in "${file.name}" belongs to the director`,
      );
    });

    it("K4: a file name that is known with another package", () => {
      const catalog = new DescriptorCatalog(OWN);
      add(catalog, serviceFile("service.proto", "teama"));
      expect(refusalOf(catalog, serviceFile("service.proto", "teamb"))).toMatch(
        /"service\.proto" has the package "teamb" here and "teama" in the set of another worker.*folder named after its package/,
      );
    });

    it("bytes that are not what their hash says", () => {
      const bytes = descriptorSetBytes(serviceFile("a.proto", "a"));
      expect(refusal(new DescriptorCatalog(), "0".repeat(64), bytes)).toContain(descriptorSetHash(bytes));
    });

    it("a set over the limit", () => {
      const bytes = new Uint8Array(5 << 20);
      expect(refusal(new DescriptorCatalog(), descriptorSetHash(bytes), bytes)).toMatch(/at most 1048576/);
    });

    it("more sets than it has room for, until one goes", () => {
      const first = serviceFile("a.proto", "a");
      const size = descriptorSetBytes(first).length;
      const catalog = new DescriptorCatalog(undefined, { totalBytesMax: size });
      const hash = add(catalog, first);
      expect(refusalOf(catalog, serviceFile("b.proto", "b"))).toMatch(/the catalogue is full/);
      catalog.remove(hash);
      add(catalog, serviceFile("b.proto", "b"));
      expect(catalog.serviceNames()).toEqual(["b.Api"]);
    });
  });

  it("K1: takes the director's own files as another compiler writes them", () => {
    const health = { fileOptions: { goPackage: "google.golang.org/grpc/health/grpc_health_v1" } };
    const catalog = new DescriptorCatalog(
      descriptorSetBytes(
        serviceFile("own.proto", "own", { fields: [{ ...stringField("some_text"), jsonName: "someText" }] }),
      ),
    );
    const same = serviceFile("own.proto", "own", { fields: [stringField("some_text")] });
    expect(() => add(catalog, { ...same, options: health.fileOptions })).not.toThrow();
  });

  it("K1: takes any copy of Protobuf's own files", () => {
    const catalog = new DescriptorCatalog(OWN);
    const copy = (goPackage: string, packageName: string) => [
      protoFile("google/protobuf/empty.proto", "google.protobuf", {
        messageType: [{ name: "Empty" }],
        options: { goPackage },
      }),
      serviceFile(`${packageName}.proto`, packageName, { imports: ["google/protobuf/empty.proto"] }),
    ];
    add(catalog, ...copy("one", "a"));
    expect(() => add(catalog, ...copy("two", "b"))).not.toThrow();
  });

  describe("with two versions of a contract attached", () => {
    const oldFile = serviceFile("api.proto", "app", { idempotent: true });
    const newFile = serviceFile("api.proto", "app", {
      idempotent: true,
      responseStream: true,
      fields: [stringField("text"), stringField("more", 2)],
    });

    it("K2, K3: keeps both, and answers with the one that came last", () => {
      const catalog = new DescriptorCatalog(OWN);
      const before = add(catalog, oldFile);
      const after = add(catalog, newFile);
      expect([catalog.has(before), catalog.has(after)]).toEqual([true, true]);
      expect(catalog.findSymbol("app.Payload.more")).toBeDefined();
      expect(catalog.findFile("api.proto")?.[0]?.proto.messageType[0]?.field).toHaveLength(2);
      expect(catalog.method("/app.Api/Call")?.responseStream).toBe(true);
      expect(catalog.serviceNames().filter((name) => name === "app.Api")).toHaveLength(1);
    });

    it("K3: goes back to the old one when the workers of the new one are gone", () => {
      const catalog = new DescriptorCatalog(OWN);
      const before = add(catalog, oldFile);
      add(catalog, newFile);
      catalog.sync([member(before, "app.Api")]);
      expect(catalog.findSymbol("app.Payload.more")).toBeUndefined();
      expect(catalog.method("/app.Api/Call")?.responseStream).toBe(false);
    });

    it("K3: stays with the new one when an old worker attaches again", () => {
      const catalog = new DescriptorCatalog(OWN);
      add(catalog, oldFile);
      add(catalog, newFile);
      add(catalog, oldFile);
      expect(catalog.findSymbol("app.Payload.more")).toBeDefined();
    });

    it("K2: never mixes the files of two versions in one answer", () => {
      const catalog = new DescriptorCatalog(OWN);
      const types = (field: string) =>
        protoFile("types.proto", "types", { messageType: [{ name: "T", field: [stringField(field)] }] });
      add(catalog, types("first"), serviceFile("one.proto", "one", { imports: ["types.proto"] }));
      add(catalog, types("second"), serviceFile("two.proto", "two", { imports: ["types.proto"] }));
      const fieldSeenBy = (service: string) => catalog.findSymbol(service)?.[1]?.proto.messageType[0]?.field[0]?.name;
      expect([fieldSeenBy("one.Api"), fieldSeenBy("two.Api")]).toEqual(["first", "second"]);
    });

    it("K5: a method is idempotent only when every version says so", () => {
      const catalog = new DescriptorCatalog(OWN);
      const careful = add(catalog, serviceFile("api.proto", "app", { idempotent: false }));
      add(catalog, newFile);
      expect(catalog.method("/app.Api/Call")?.idempotent).toBe(false);
      catalog.remove(careful);
      expect(catalog.method("/app.Api/Call")?.idempotent).toBe(true);
    });

    it("K6: a method is resumable only when every version says so", () => {
      const catalog = new DescriptorCatalog(OWN);
      const before = add(catalog, serviceFile("api.proto", "app", { responseStream: true }));
      add(catalog, serviceFile("api.proto", "app", { responseStream: true, resumable: true }));
      expect([catalog.method("/app.Api/Call")?.resumable, catalog.resumablePaths]).toEqual([false, []]);
      catalog.remove(before);
      expect([catalog.method("/app.Api/Call")?.resumable, catalog.resumablePaths]).toEqual([true, ["/app.Api/Call"]]);
    });
  });

  describe("keeps a set for as long as someone has it", () => {
    it("by retain and release, counted", () => {
      const catalog = new DescriptorCatalog();
      const hash = add(catalog, serviceFile("a.proto", "a"));
      catalog.retain(hash);
      catalog.retain(hash);
      catalog.release(hash);
      expect(catalog.has(hash)).toBe(true);
      catalog.release(hash);
      expect(catalog.has(hash)).toBe(false);
      expect([catalog.serviceNames(), catalog.method("/a.Api/Call"), catalog.findSymbol("a.Api")]).toEqual([
        [],
        undefined,
        undefined,
      ]);
    });

    it("by being a member's at the last sync", () => {
      const catalog = new DescriptorCatalog();
      const a = add(catalog, serviceFile("a.proto", "a"));
      const b = add(catalog, serviceFile("b.proto", "b"));
      catalog.retain(b);
      catalog.sync([member(a, "a.Api")]);
      expect([catalog.has(a), catalog.has(b)]).toEqual([true, true]);
      catalog.release(b);
      expect(catalog.has(b)).toBe(false);
      catalog.sync([]);
      expect(catalog.has(a)).toBe(false);
    });

    it("whatever a hash that it does not have is told", () => {
      const catalog = new DescriptorCatalog();
      for (const call of [() => catalog.retain("x"), () => catalog.release("x"), () => catalog.remove("x")]) {
        expect(call).not.toThrow();
      }
    });
  });

  it("sync tells which sets are still to be fetched", () => {
    const catalog = new DescriptorCatalog();
    const a = add(catalog, serviceFile("a.proto", "a"));
    expect(
      catalog.sync([member(a, "a.Api"), member("h1", "b.Api"), member("h1", "b.Api"), member("", "c.Api")]),
    ).toEqual(["h1"]);
  });

  it("lists what attached workers serve, described or not, and not what their files also declare", () => {
    const catalog = new DescriptorCatalog();
    const message = ".a.Payload";
    const file = serviceFile("a.proto", "a");
    const hash = add(catalog, {
      ...file,
      service: [serviceOf("Served", { message }), serviceOf("Unserved", { message })],
    });
    catalog.sync([member(hash, "a.Served"), member("", "undescribed.Api")]);
    expect(catalog.serviceNames()).toEqual(["a.Served", "undescribed.Api"]);
  });

  it("gives no answer and no memory of sets that came and went, whatever the order", () => {
    const files = ["a", "b", "c"].map((name) => descriptorSetBytes(serviceFile(`${name}.proto`, name)));
    const hashes = files.map(descriptorSetHash);
    const step = fc.tuple(fc.constantFrom("add", "retain", "release", "remove"), fc.nat(2));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const total = files.reduce((sum, { length }) => sum + length, 0);
        const catalog = new DescriptorCatalog(undefined, { totalBytesMax: total });
        for (const [what, index] of steps) {
          if (what === "add") catalog.add(hashes[index]!, files[index]!);
          else catalog[what](hashes[index]!);
        }
        const attached = ["a", "b", "c"].filter((_, index) => catalog.has(hashes[index]!));
        expect(catalog.serviceNames()).toEqual(attached.map((name) => `${name}.Api`));
        expect(attached.every((name) => catalog.method(`/${name}.Api/Call`) !== undefined)).toBe(true);
        for (const hash of hashes) catalog.remove(hash);
        // All three fit again only if every byte was given back.
        files.forEach((bytes, index) => catalog.add(hashes[index]!, bytes));
        expect(catalog.serviceNames()).toHaveLength(3);
      }),
    );
  });
});
