import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fromBinary, getExtension, toJson, type DescExtension } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Type } from "@bufbuild/protobuf/wkt";
import { FabricError } from "../../../src/core/errors";
import type { MethodDescriptor } from "../../../src/wire/descriptor-file";
import { DescriptorSet } from "../../../src/wire/descriptor-set";
import { loadProtoContract, type ProtoContract } from "../../../src/wire/proto-contract";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-proto-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Loads one file, with `folder` as the include folder. */
function load(name: string, ...includeDirs: string[]): ProtoContract {
  return loadProtoContract({ files: [join(folder, name)], includeDirs: includeDirs.map((dir) => join(folder, dir)) });
}

function refusal(name: string): FabricError | undefined {
  try {
    load(name, ".");
    return undefined;
  } catch (error) {
    return error as FabricError;
  }
}

const GREETER = `syntax = "proto3";
package greet.v1;
service Greeter {
  rpc Hello(HelloRequest) returns (HelloReply) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Chat(stream HelloRequest) returns (stream HelloReply);
}
message HelloRequest { string first_name = 1; int64 birth_ms = 2; Mood mood = 3; }
message HelloReply { string text = 1; }
enum Mood { MOOD_UNSPECIFIED = 0; MOOD_FINE = 1; }
`;

describe("Proto contract", () => {
  it("gives the services of a file with their methods", () => {
    write({ "greet/v1/greet.proto": GREETER });
    const { services } = load("greet/v1/greet.proto", ".");
    expect(services.map(({ fullName, methods }) => ({ fullName, methods }))).toEqual([
      {
        fullName: "greet.v1.Greeter",
        methods: [
          {
            name: "Hello",
            path: "/greet.v1.Greeter/Hello",
            requestStream: false,
            responseStream: false,
            idempotent: true,
            resumable: false,
          },
          {
            name: "Chat",
            path: "/greet.v1.Greeter/Chat",
            requestStream: true,
            responseStream: true,
            idempotent: false,
            resumable: false,
          },
        ],
      },
    ]);
  });

  it("knows the methods that are resumable, and heddle/v1/options.proto without being told where it is", () => {
    const option = (value: boolean) => `{ option (heddle.v1.resumable) = ${value}; }`;
    write({
      "ticks.proto": `syntax = "proto3"; package ticks.v1;
        import "heddle/v1/options.proto";
        service Ticks {
          rpc Watch(Tick) returns (stream Tick) ${option(true)}
          rpc Off(Tick) returns (stream Tick) ${option(false)}
          rpc Plain(Tick) returns (stream Tick);
          rpc One(Tick) returns (Tick) ${option(true)}
        }
        message Tick {}`,
    });
    const { services, descriptorSet } = load("ticks.proto", ".");
    const resumable = { Watch: true, Off: false, Plain: false, One: false };
    const flagsOf = (methods: readonly MethodDescriptor[]) =>
      Object.fromEntries(methods.map((method) => [method.name, method.resumable]));
    expect(flagsOf(services[0]!.methods)).toEqual(resumable);
    // As a director reads it.
    const received = DescriptorSet.parse(descriptorSet).services.find(({ fullName }) => fullName === "ticks.v1.Ticks");
    expect(flagsOf(received!.methods)).toEqual(resumable);
  });

  it("reads messages as generated code does: camelCase, defaults, 64-bit integers and enums as strings", () => {
    write({ "greet.proto": GREETER });
    const { requestSerialize, requestDeserialize } = load("greet.proto").services[0]!.definition["Hello"]!;
    const sent = requestSerialize({ firstName: "Ada", birthMs: "9007199254740993" });
    expect(requestDeserialize(sent)).toEqual({
      firstName: "Ada",
      birthMs: "9007199254740993",
      mood: "MOOD_UNSPECIFIED",
    });
  });

  it("names files as imports name them: relative to the include folder, else to their own", () => {
    write({ "greet/v1/greet.proto": GREETER });
    const names = (contract: ProtoContract) => [...DescriptorSet.parse(contract.descriptorSet).files.keys()];
    expect(names(load("greet/v1/greet.proto", "."))).toEqual(["greet/v1/greet.proto"]);
    expect(names(load("greet/v1/greet.proto"))).toEqual(["greet.proto"]);
  });

  it("describes imports, nested types, maps, enums, oneofs, optionals and Protobuf's own types as a compiler would", () => {
    write({
      "common/types.proto": `syntax = "proto3"; package common;
        enum Color { option allow_alias = true; COLOR_UNSPECIFIED = 0; RED = 1 [deprecated = true]; ROUGE = 1; }
        message Deep { message Nested { string x = 1; } }`,
      "api.proto": `// The contract.
        syntax = "proto3";
        package demo.v1;
        import "common/types.proto";
        import "google/protobuf/timestamp.proto";
        service Api { rpc Call(Request) returns (Request); }
        message Request {
          string first_name = 1 [json_name = "fn", deprecated = true];
          map<string, common.Color> fav_colors = 2;
          optional int64 age = 3;
          oneof kind { string a = 4; Inner b = 5; }
          message Inner { enum E { Z = 0; N = -1; } E e = 1; repeated int32 xs = 2 [packed = false]; }
          google.protobuf.Timestamp at = 6;
          common.Deep.Nested nested = 7;
          reserved 10 to 12, 20; reserved "foo";
        }`,
    });
    const set = DescriptorSet.parse(load("api.proto").descriptorSet);
    expect([...set.files.keys()]).toEqual(["common/types.proto", "google/protobuf/timestamp.proto", "api.proto"]);
    const request = set.files.get("api.proto")!.proto.messageType[0]!;
    expect(request.field.map(({ name, typeName, jsonName }) => [name, typeName, jsonName])).toEqual([
      ["first_name", "", "fn"],
      ["fav_colors", ".demo.v1.Request.FavColorsEntry", "favColors"],
      ["age", "", "age"],
      ["a", "", "a"],
      ["b", ".demo.v1.Request.Inner", "b"],
      ["at", ".google.protobuf.Timestamp", "at"],
      ["nested", ".common.Deep.Nested", "nested"],
    ]);
    expect(request.field.map(({ options }) => options?.deprecated ?? false)).toEqual([
      true,
      ...Array.from({ length: 6 }, () => false),
    ]);
    expect(request.oneofDecl.map(({ name }) => name)).toEqual(["kind", "_age"]);
    expect(request.field[2]).toMatchObject({ proto3Optional: true, oneofIndex: 1 });
    expect(request.nestedType.map(({ name, options }) => [name, options?.mapEntry ?? false])).toEqual([
      ["Inner", false],
      ["FavColorsEntry", true],
    ]);
    expect(request.reservedRange.map(({ start, end }) => [start, end])).toEqual([
      [10, 13],
      [20, 21],
    ]);
    expect(request.reservedName).toEqual(["foo"]);
    const color = set.files.get("common/types.proto")!.proto.enumType[0]!;
    expect(color.options?.allowAlias).toBe(true);
    expect(color.value.map(({ name, number, options }) => [name, number, options?.deprecated ?? false])).toEqual([
      ["COLOR_UNSPECIFIED", 0, false],
      ["RED", 1, true],
      ["ROUGE", 1, false],
    ]);
  });

  it("describes messages that decode what proto-loader encodes", () => {
    write({
      "api.proto": `syntax = "proto3"; package p;
        service Api { rpc Call(M) returns (M); }
        message M { map<string, Inner> by_name = 1; repeated sint32 xs = 2; optional bool set = 3; bytes raw = 4; double d = 5;
          message Inner { oneof k { string s = 1; int64 i = 2; } } }`,
    });
    const { services, descriptorSet } = load("api.proto");
    const bytes = services[0]!.definition["Call"]!.requestSerialize({
      byName: { a: { s: "x" }, b: { i: "-5" } },
      xs: [-1, 0, 7],
      set: false,
      raw: Buffer.from("hi"),
      d: 0.5,
    });
    const message = DescriptorSet.parse(descriptorSet).createRegistry().getMessage("p.M")!;
    expect(toJson(message, fromBinary(message, bytes))).toEqual({
      byName: { a: { s: "x" }, b: { i: "-5" } },
      xs: [-1, 0, 7],
      set: false,
      raw: "aGk=",
      d: 0.5,
    });
  });

  it("imports directly what a public import brings", () => {
    write({
      "hidden.proto": `syntax = "proto3"; package deep; message Hidden { string q = 1; }`,
      "pub.proto": `syntax = "proto3"; import public "hidden.proto";`,
      "api.proto": `syntax = "proto3"; package p; import "pub.proto";
        service Api { rpc Call(deep.Hidden) returns (deep.Hidden); }`,
    });
    const set = DescriptorSet.parse(load("api.proto").descriptorSet);
    expect(set.files.get("api.proto")?.imports).toEqual(["pub.proto", "hidden.proto"]);
  });

  it("keeps proto2: required, defaults, groups and extensions", () => {
    write({
      "old.proto": `syntax = "proto2"; package old;
        service Api { rpc Call(M) returns (M); }
        message M { required string q = 1; optional int32 d = 2 [default = 7]; repeated group Grp = 3 { optional string g = 1; }
          extensions 100 to max; }
        extend M { optional string more = 100; }`,
    });
    const set = DescriptorSet.parse(load("old.proto").descriptorSet);
    const { field, extensionRange } = set.files.get("old.proto")!.proto.messageType[0]!;
    expect(field.map(({ name, label, defaultValue, type }) => [name, label, defaultValue, type])).toEqual([
      ["q", 2, "", FieldDescriptorProto_Type.STRING],
      ["d", 1, "7", FieldDescriptorProto_Type.INT32],
      ["grp", 3, "", FieldDescriptorProto_Type.GROUP],
    ]);
    expect(extensionRange.map(({ start, end }) => [start, end])).toEqual([[100, 536_870_912]]);
    expect(set.files.get("old.proto")?.extensions).toEqual([{ extendee: "old.M", number: 100 }]);
  });

  it("keeps an edition and its features", () => {
    write({
      "new.proto": `edition = "2023"; package new;
        service Api { rpc Call(M) returns (M); }
        message M { string a = 1 [features.field_presence = IMPLICIT]; string b = 2; }`,
    });
    const message = DescriptorSet.parse(load("new.proto").descriptorSet).createRegistry().getMessage("new.M")!;
    expect(message.fields.map(({ name, presence }) => [name, presence])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  });

  it("keeps custom options, such as those for REST, without a copy of google/api beside the contract", () => {
    write({
      "api.proto": `syntax = "proto3"; package p; import "google/api/annotations.proto";
        service Api { rpc Call(M) returns (M) {
          option (google.api.http) = { get: "/v1/{name}" additional_bindings { post: "/v1/calls" body: "*" } };
        } }
        message M { string name = 1; }`,
    });
    const registry = DescriptorSet.parse(load("api.proto").descriptorSet).createRegistry();
    const http = registry.getExtension("google.api.http") as DescExtension;
    const rule = getExtension(registry.getService("p.Api")!.methods[0]!.proto.options!, http);
    expect(toJson(http.message!, rule as never)).toEqual({
      get: "/v1/{name}",
      additionalBindings: [{ post: "/v1/calls", body: "*" }],
    });
  });

  it("serves only what the named files declare, each once, and describes only that", () => {
    write({
      "other.proto": `syntax = "proto3"; package other; message O {} service Other { rpc Call(O) returns (O); }`,
      "unrelated.proto": `syntax = "proto3"; package unrelated; message U {}`,
      "api.proto": `syntax = "proto3"; package p; import "other.proto"; service Api { rpc Call(other.O) returns (other.O); }`,
    });
    expect(load("api.proto").services.map(({ fullName }) => fullName)).toEqual(["p.Api"]);
    const files = ["api.proto", "other.proto", "unrelated.proto"].map((name) => join(folder, name));
    const both = loadProtoContract({ files });
    expect(both.services.map(({ fullName }) => fullName)).toEqual(["p.Api", "other.Other"]);
    expect([...DescriptorSet.parse(both.descriptorSet).files.keys()]).toEqual(["other.proto", "api.proto"]);
  });

  it("gives the same bytes wherever the files lie", () => {
    write({ "one/greet.proto": GREETER, "two/greet.proto": GREETER });
    const [one, two] = [load("one/greet.proto"), load("two/greet.proto")];
    expect(Buffer.compare(one.descriptorSet, two.descriptorSet)).toBe(0);
  });

  describe("says what is wrong, and where:", () => {
    const service = "service Api { rpc Call(M) returns (M); }\nmessage M {}\n";
    const cases: readonly (readonly [string, Record<string, string>, RegExp])[] = [
      ["a file that is not there", {}, /the contract ".*a\.proto" does not exist/],
      ["a syntax error", { "a.proto": 'syntax = "proto3";\n\nmessage {\n}' }, /a\.proto:3: illegal type name '\{'/],
      [
        "an unfinished file",
        { "a.proto": 'syntax = "proto3";\nmessage M {' },
        /a\.proto:2: the file ends in the middle/,
      ],
      [
        "a syntax error in an import",
        {
          "a.proto": `syntax = "proto3";\nimport "b.proto";\n${service}`,
          "b.proto": 'syntax = "proto3";\nmassage B {}',
        },
        /b\.proto:2: illegal token 'massage'/,
      ],
      [
        "an import that is not there",
        { "a.proto": `syntax = "proto3";\n\nimport "gone.proto";\n${service}` },
        /a\.proto:3: the import "gone\.proto" is in none of the include folders: .*--include/,
      ],
      [
        "a type that is not there",
        {
          "a.proto":
            'syntax = "proto3";\npackage p;\nmessage M {\n  Gone g = 1;\n}\nservice S { rpc C(M) returns (M); }',
        },
        /a\.proto:4: no such type.*Gone/i,
      ],
      ["no service", { "a.proto": 'syntax = "proto3";\nmessage M {}' }, /no service is declared in .*a\.proto/],
      [
        "files that import each other",
        {
          "a.proto": `syntax = "proto3";\nimport "b.proto";\n${service}`,
          "b.proto": 'syntax = "proto3";\nimport "a.proto";',
        },
        /circle: "a\.proto" → "b\.proto"/,
      ],
      [
        "two messages of one name",
        { "a.proto": `syntax = "proto3";\n${service}message M {}` },
        /a\.proto: duplicate name 'M'/,
      ],
    ];

    it.each(cases)("%s", (_name, files, message) => {
      write(files);
      const error = refusal("a.proto");
      expect(error).toBeInstanceOf(FabricError);
      expect(error?.message).toMatch(message);
    });

    it("no file at all", () => {
      expect(() => loadProtoContract({ files: [] })).toThrow(/no contract is named/);
    });
  });
});
