import { DescriptorCatalog } from "../../../src/wire/descriptor-catalog";
import { CONTROL_SERVICES, heddleDescriptors } from "../../../src/wire/descriptor-contract";
import { parseDescriptorFile } from "../../../src/wire/descriptor-file";
import { reflect, type ReflectionSource } from "../../../src/wire/reflection-service";
import { descriptorSetBytes, protoFile, stringField } from "./descriptor-fixtures";

type MessageRequest = Parameters<typeof reflect>[0]["messageRequest"];

const catalog = new DescriptorCatalog(heddleDescriptors(CONTROL_SERVICES));

function ask(messageRequest: MessageRequest, source: ReflectionSource = catalog) {
  return reflect({ host: "h:1", messageRequest }, source).messageResponse;
}

function filesOf(answer: ReturnType<typeof ask>): string[] {
  expect(answer?.$case).toBe("fileDescriptorResponse");
  const { fileDescriptorProto } = answer?.value as { fileDescriptorProto: Buffer[] };
  return fileDescriptorProto.map((bytes) => parseDescriptorFile(bytes).name);
}

describe("Reflection", () => {
  it("says which host and request it answers", () => {
    const request = { host: "h:1", messageRequest: { $case: "listServices", value: "*" } } as const;
    expect(reflect(request, catalog)).toMatchObject({ validHost: "h:1", originalRequest: request });
  });

  it("lists the control services, health and both reflections", () => {
    expect(ask({ $case: "listServices", value: "" })).toEqual({
      $case: "listServicesResponse",
      value: { service: [...CONTROL_SERVICES].sort().map((name) => ({ name })) },
    });
  });

  it.each(["heddle.v1.DirectorService", "heddle.v1.DirectorService.SetIntent"])(
    "answers the symbol %s with its file and imports",
    (value) => {
      expect(filesOf(ask({ $case: "fileContainingSymbol", value }))).toEqual([
        "heddle/v1/director.proto",
        "heddle/v1/attach.proto",
        "heddle/v1/calls.proto",
        "heddle/v1/drain.proto",
        "heddle/v1/member.proto",
      ]);
    },
  );

  it("answers a file by its name", () => {
    expect(filesOf(ask({ $case: "fileByFilename", value: "grpc/health/v1/health.proto" }))).toEqual([
      "grpc/health/v1/health.proto",
    ]);
  });

  it("answers extensions by number and by type", () => {
    const file = protoFile("x.proto", "x", {
      syntax: "proto2",
      messageType: [{ name: "M", extensionRange: [{ start: 100, end: 200 }] }],
      extension: [{ ...stringField("note", 100), extendee: ".x.M" }],
    });
    const source = new DescriptorCatalog(descriptorSetBytes(file));
    const extension = (extensionNumber: number) =>
      ask({ $case: "fileContainingExtension", value: { containingType: "x.M", extensionNumber } }, source);
    expect(filesOf(extension(100))).toEqual(["x.proto"]);
    expect(extension(101)).toMatchObject({ $case: "errorResponse", value: { errorCode: 5 } });
    expect(ask({ $case: "allExtensionNumbersOfType", value: "x.M" }, source)).toEqual({
      $case: "allExtensionNumbersResponse",
      value: { baseTypeName: "x.M", extensionNumber: [100] },
    });
  });

  it.each<NonNullable<MessageRequest>>([
    { $case: "fileContainingSymbol", value: "gone.Api" },
    { $case: "fileByFilename", value: "gone.proto" },
    { $case: "allExtensionNumbersOfType", value: "gone.Type" },
    { $case: "fileContainingExtension", value: { containingType: "gone.Type", extensionNumber: 1 } },
  ])("answers NOT_FOUND, naming what, to $case of something unknown", (request) => {
    expect(ask(request)).toMatchObject({
      $case: "errorResponse",
      value: { errorCode: 5, errorMessage: expect.stringContaining("gone.") as string },
    });
  });

  it("answers INVALID_ARGUMENT to a request for nothing", () => {
    expect(ask(undefined)).toMatchObject({ $case: "errorResponse", value: { errorCode: 3 } });
  });

  it("answers INTERNAL when its source fails, and does not throw", () => {
    const fails = () => {
      throw new Error("broken source");
    };
    const source: ReflectionSource = {
      serviceNames: fails,
      findFile: fails,
      findSymbol: fails,
      findExtension: fails,
      extensionNumbers: fails,
    };
    expect(ask({ $case: "listServices", value: "" }, source)).toEqual({
      $case: "errorResponse",
      value: { errorCode: 13, errorMessage: "broken source" },
    });
  });
});
