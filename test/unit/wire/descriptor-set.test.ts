import fc from "fast-check";
import { CONTROL_SERVICES, heddleDescriptors } from "../../../src/wire/descriptor-contract";
import { FabricError } from "../../../src/core/errors";
import { DescriptorSet, descriptorSetHash } from "../../../src/wire/descriptor-set";
import {
  descriptorSetBytes,
  fileBytes,
  messageField,
  protoFile,
  serviceFile,
  serviceOf,
  stringField,
} from "./descriptor-fixtures";

const greeter = serviceFile("greeter.proto", "demo", { name: "Greeter" });

function names(set: DescriptorSet): string[] {
  return [...set.files.keys()];
}

/** What parsing throws; undefined when it does not. */
function refusal(bytes: Uint8Array, bytesMax?: number): FabricError | undefined {
  try {
    DescriptorSet.parse(bytes, bytesMax);
    return undefined;
  } catch (error) {
    return error as FabricError;
  }
}

describe("DescriptorSet", () => {
  it("is named by the SHA-256 of its bytes, in hex", () => {
    const bytes = descriptorSetBytes(greeter);
    expect(DescriptorSet.parse(bytes).hash).toBe(descriptorSetHash(bytes));
    expect(descriptorSetHash(new Uint8Array())).toBe(
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
  });

  it("tells the stream kinds and idempotency of every method", () => {
    const set = DescriptorSet.parse(heddleDescriptors(["heddle.compute.v1.ComputeService", "heddle.v1.AttachService"]));
    expect(set.services.map(({ fullName, methods }) => ({ fullName, methods }))).toEqual([
      {
        fullName: "heddle.compute.v1.ComputeService",
        methods: [
          {
            path: "/heddle.compute.v1.ComputeService/Execute",
            name: "Execute",
            requestStream: false,
            responseStream: false,
            idempotent: true,
            resumable: false,
          },
          {
            path: "/heddle.compute.v1.ComputeService/ExecuteStream",
            name: "ExecuteStream",
            requestStream: false,
            responseStream: true,
            idempotent: true,
            resumable: false,
          },
        ],
      },
      {
        fullName: "heddle.v1.AttachService",
        methods: [
          {
            path: "/heddle.v1.AttachService/Attach",
            name: "Attach",
            requestStream: true,
            responseStream: true,
            idempotent: false,
            resumable: false,
          },
        ],
      },
    ]);
  });

  it("takes files in any order and keeps them after their imports", () => {
    const a = protoFile("a.proto", "demo", { dependency: ["b.proto"] });
    const b = protoFile("b.proto", "demo", { dependency: ["c.proto"] });
    const c = protoFile("c.proto", "demo");
    expect(names(DescriptorSet.parse(descriptorSetBytes(a, b, c)))).toEqual(["c.proto", "b.proto", "a.proto"]);
  });

  it("fills in Protobuf's own files where they were left out, with what they import", () => {
    const file = protoFile("a.proto", "demo", { dependency: ["google/protobuf/type.proto"] });
    expect(names(DescriptorSet.parse(descriptorSetBytes(file)))).toEqual([
      "google/protobuf/any.proto",
      "google/protobuf/source_context.proto",
      "google/protobuf/type.proto",
      "a.proto",
    ]);
  });

  it("drops comments and keeps everything else byte for byte", () => {
    const commented = protoFile("a.proto", "demo", {
      sourceCodeInfo: { location: [{ path: [4], span: [1, 2, 3], leadingComments: "x".repeat(10_000) }] },
      messageType: [{ name: "M" }],
    });
    const { sourceCodeInfo: _, ...bare } = commented;
    const parsed = DescriptorSet.parse(descriptorSetBytes(commented)).files.get("a.proto");
    expect(Buffer.from(parsed!.bytes)).toEqual(Buffer.from(fileBytes(bare)));
  });

  it("does not keep the caller's buffer", () => {
    const bytes = descriptorSetBytes(greeter);
    const set = DescriptorSet.parse(bytes);
    bytes.fill(0);
    expect(Buffer.from(set.files.get("greeter.proto")!.bytes)).toEqual(Buffer.from(fileBytes(greeter)));
  });

  it("finds the file of a symbol of every kind", () => {
    const file = protoFile("all.proto", "demo", {
      syntax: "proto2",
      messageType: [
        {
          name: "Outer",
          field: [{ ...stringField("text"), oneofIndex: 0 }],
          oneofDecl: [{ name: "choice" }],
          nestedType: [{ name: "Inner", enumType: [{ name: "Deep", value: [{ name: "DEEP_ZERO", number: 0 }] }] }],
          extensionRange: [{ start: 100, end: 200 }],
        },
      ],
      enumType: [{ name: "Color", value: [{ name: "RED", number: 0 }] }],
      extension: [{ ...stringField("note", 100), extendee: ".demo.Outer" }],
      service: [serviceOf("Api", { message: ".demo.Outer" })],
    });
    const set = DescriptorSet.parse(descriptorSetBytes(file));
    const symbols = ["Outer", "Outer.text", "Outer.choice", "Outer.Inner", "Outer.Inner.Deep", "Outer.Inner.DEEP_ZERO"];
    for (const symbol of [...symbols, "Color", "RED", "note", "Api", "Api.Call"]) {
      expect([symbol, set.fileOf(`demo.${symbol}`)?.name]).toEqual([symbol, "all.proto"]);
    }
    expect(set.fileOf("demo.Outer.none")).toBeUndefined();
  });

  describe("subset", () => {
    it("has the files of the services and what they import, nothing else, and no comments", () => {
      const types = protoFile("types.proto", "types", { messageType: [{ name: "T" }] });
      const one = serviceFile("one.proto", "one", {
        imports: ["types.proto"],
        fields: [messageField("t", ".types.T")],
      });
      const two = serviceFile("two.proto", "two");
      const subset = DescriptorSet.parse(descriptorSetBytes(types, two, one)).subset(["one.Api"]);
      expect(Buffer.from(subset)).toEqual(Buffer.from(descriptorSetBytes(types, one)));
    });

    it("is the same bytes for the same contract, however the set was ordered", () => {
      const types = protoFile("types.proto", "types", { messageType: [{ name: "T" }] });
      const one = serviceFile("one.proto", "one", {
        imports: ["types.proto"],
        fields: [messageField("t", ".types.T")],
      });
      const first = DescriptorSet.parse(descriptorSetBytes(types, one)).subset(["one.Api"]);
      const second = DescriptorSet.parse(descriptorSetBytes(one, types)).subset(["one.Api"]);
      expect(descriptorSetHash(first)).toBe(descriptorSetHash(second));
    });

    it("names the services that are missing and those there are", () => {
      expect(() => DescriptorSet.parse(descriptorSetBytes(greeter)).subset(["demo.Gone", "demo.Greeter"])).toThrow(
        /DESCRIPTOR_CONFLICT.*"demo.Gone".*Its services: demo\.Greeter/,
      );
    });
  });

  it("has the director's own services in under 32 KiB", () => {
    const own = heddleDescriptors(CONTROL_SERVICES);
    expect(
      DescriptorSet.parse(own)
        .services.map(({ fullName }) => fullName)
        .sort(),
    ).toEqual([...CONTROL_SERVICES].sort());
    expect(own.length).toBeLessThan(32 << 10);
  });

  describe("refuses, with the file or symbol and the remedy,", () => {
    const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
      ["no bytes at all", new Uint8Array(), /no files: build it/],
      [
        "what is no descriptor set",
        Buffer.from("hello, world"),
        /no serialized google.protobuf.FileDescriptorSet.*buf build/,
      ],
      ["a truncated set", descriptorSetBytes(greeter).slice(0, -3), /no serialized google.protobuf.FileDescriptorSet/],
      [
        "an import that is not inside",
        descriptorSetBytes(protoFile("a.proto", "demo", { dependency: ["gone.proto"] })),
        /"a\.proto" imports "gone\.proto".*--include_imports/,
      ],
      [
        "files that import each other",
        descriptorSetBytes(
          protoFile("a.proto", "demo", { dependency: ["b.proto"] }),
          protoFile("b.proto", "demo", { dependency: ["c.proto"] }),
          protoFile("c.proto", "demo", { dependency: ["b.proto"] }),
        ),
        /circle: "b\.proto" → "c\.proto"/,
      ],
      [
        "a file that imports itself",
        descriptorSetBytes(protoFile("a.proto", "demo", { dependency: ["a.proto"] })),
        /circle: "a\.proto"/,
      ],
      [
        "two files of one name",
        descriptorSetBytes(greeter, protoFile("greeter.proto", "demo")),
        /two different files named "greeter\.proto"/,
      ],
      [
        "a symbol declared twice",
        descriptorSetBytes(
          protoFile("a.proto", "demo", { messageType: [{ name: "M" }] }),
          protoFile("b.proto", "demo", { enumType: [{ name: "M", value: [{ name: "Z", number: 0 }] }] }),
        ),
        /"demo\.M" is declared twice, in "a\.proto" and in "b\.proto"/,
      ],
      [
        "a type that no file declares",
        descriptorSetBytes(
          protoFile("a.proto", "demo", { messageType: [{ name: "M", field: [messageField("x", ".demo.Gone")] }] }),
        ),
        /"demo\.M\.x" in "a\.proto" uses "demo\.Gone", which no file declares/,
      ],
      [
        "a type that is not imported, as protobufjs' own conversion leaves it",
        descriptorSetBytes(
          protoFile("t.proto", "t", { messageType: [{ name: "T" }] }),
          protoFile("a.proto", "demo", { messageType: [{ name: "M", field: [messageField("x", ".t.T")] }] }),
        ),
        /"demo\.M\.x" in "a\.proto" uses "t\.T" without importing "t\.proto"/,
      ],
      [
        "a service where a message is meant",
        descriptorSetBytes(
          protoFile("a.proto", "demo", {
            messageType: [{ name: "M" }],
            service: [serviceOf("S", { message: ".demo.M" }), serviceOf("R", { message: ".demo.S" })],
          }),
        ),
        /"demo\.R\.Call" in "a\.proto" uses "demo\.S" as a message, but it is a service/,
      ],
      ["a file without a name", descriptorSetBytes(protoFile("", "demo")), /unusable name ""/],
      ["a package that is none", descriptorSetBytes(protoFile("a.proto", "de mo")), /unusable package "de mo"/],
      [
        "an unknown syntax",
        descriptorSetBytes(protoFile("a.proto", "demo", { syntax: "proto9" })),
        /not a valid contract.*proto9/,
      ],
    ];

    it.each(cases)("%s", (_name, bytes, message) => {
      const error = refusal(bytes);
      expect(error).toBeInstanceOf(FabricError);
      expect(error?.code).toBe("DESCRIPTOR_CONFLICT");
      expect(error?.message).toMatch(message);
    });

    it("5 MB, before looking at them", () => {
      expect(refusal(new Uint8Array(5_000_000))?.message).toMatch(/has 5000000 bytes and at most 1048576 are taken/);
    });

    it("more files than can be checked quickly", () => {
      const files = Array.from({ length: 1_025 }, (_, index) => protoFile(`f${index}.proto`, ""));
      expect(refusal(descriptorSetBytes(...files))?.message).toMatch(/more than 1024 files/);
    });

    it("names of any length, in a short message", () => {
      const error = refusal(descriptorSetBytes(protoFile("a.proto", "demo", { dependency: ["x".repeat(100_000)] })));
      expect(error?.message.length).toBeLessThan(500);
    });

    it("messages nested deeper than any contract, without exhausting the stack", () => {
      const tag = Buffer.from([0x1a]);
      let nested = Buffer.alloc(0);
      for (let depth = 0; depth < 2_000; depth += 1) nested = Buffer.concat([tag, varint(nested.length), nested]);
      const file = Buffer.concat([Buffer.from([0x22]), varint(nested.length), nested]);
      expect(refusal(Buffer.concat([Buffer.from([0x0a]), varint(file.length), file]))?.code).toBe(
        "DESCRIPTOR_CONFLICT",
      );
    });
  });

  it("follows public imports when it looks for a type", () => {
    const bytes = descriptorSetBytes(
      protoFile("t.proto", "t", { messageType: [{ name: "T" }] }),
      protoFile("pub.proto", "pub", { dependency: ["t.proto"], publicDependency: [0] }),
      protoFile("a.proto", "demo", {
        dependency: ["pub.proto"],
        messageType: [{ name: "M", field: [messageField("x", ".t.T")] }],
      }),
    );
    expect(DescriptorSet.parse(bytes).fileOf("t.T")?.name).toBe("t.proto");
  });

  it("takes a chain of a thousand imports", () => {
    const files = Array.from({ length: 1_000 }, (_, index) =>
      protoFile(
        `f${index}.proto`,
        "",
        index === 999 ? {} : { dependency: [`f${index + 1}.proto`], publicDependency: [0] },
      ),
    );
    const set = DescriptorSet.parse(descriptorSetBytes(...files));
    expect(set.withImports(set.files.get("f0.proto")!)).toHaveLength(1_000);
  });

  it("answers any bytes with a set or a DESCRIPTOR_CONFLICT, nothing else", () => {
    const check = (bytes: Uint8Array) => {
      const error = refusal(bytes);
      expect(error === undefined || (error instanceof FabricError && error.code === "DESCRIPTOR_CONFLICT")).toBe(true);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 2_000 });
    const valid = heddleDescriptors(["heddle.inference.v1.InferenceService"]);
    const damaged = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    const cut = fc.nat(valid.length);
    fc.assert(
      fc.property(damaged, cut, (changes, length) => {
        const bytes = valid.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        check(bytes);
        check(bytes.subarray(0, length));
      }),
      { numRuns: 1_000 },
    );
  });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
