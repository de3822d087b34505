import {
  ServerReflectionDefinition,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../generated/grpc/reflection/v1/reflection";
import { ServerReflectionDefinition as ServerReflectionDefinitionV1Alpha } from "../../generated/grpc/reflection/v1alpha/reflection";
import { messageOf } from "../core/errors";
import { Status } from "../core/status";
import { asBuffer } from "./bytes";
import { mountService, type MountedService } from "../rpc/service/service-handlers";

/** A file as reflection sends it. */
interface ReflectedFile {
  /** Serialized FileDescriptorProto. */
  readonly bytes: Uint8Array;
}

/** Where reflection gets its answers, asked anew at each request. Names are full; files come with all their imports after them. */
export interface ReflectionSource {
  serviceNames(): readonly string[];
  findFile(name: string): readonly ReflectedFile[] | undefined;
  findSymbol(symbol: string): readonly ReflectedFile[] | undefined;
  findExtension(extendee: string, number: number): readonly ReflectedFile[] | undefined;
  /** `undefined` when the message type is unknown. */
  extensionNumbers(extendee: string): readonly number[] | undefined;
}

/**
 * Server reflection in both its versions, whose messages are the same. What is not found is an answer, not the end of the
 * stream. A file is answered together with everything it imports, so that a tool needs one request, and its answer is of one
 * version of the contract.
 */
export function reflectionServices(source: ReflectionSource): readonly MountedService[] {
  async function* serverReflectionInfo(requests: AsyncIterable<ServerReflectionRequest>) {
    for await (const request of requests) yield reflect(request, source);
  }
  return [
    mountService(ServerReflectionDefinition, { serverReflectionInfo }),
    mountService(ServerReflectionDefinitionV1Alpha, { serverReflectionInfo }),
  ];
}

/** Answers one request. Never throws. */
export function reflect(request: ServerReflectionRequest, source: ReflectionSource): ServerReflectionResponse {
  let messageResponse: ServerReflectionResponse["messageResponse"];
  try {
    messageResponse = answer(request, source);
  } catch (error) {
    messageResponse = failure(Status.INTERNAL, messageOf(error));
  }
  return { validHost: request.host, originalRequest: request, messageResponse };
}

type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

function answer({ messageRequest }: ServerReflectionRequest, source: ReflectionSource): Answer {
  switch (messageRequest?.$case) {
    case "listServices":
      return {
        $case: "listServicesResponse",
        value: { service: source.serviceNames().map((name) => ({ name })) },
      };
    case "fileByFilename":
      return files(source.findFile(messageRequest.value), `file ${messageRequest.value}`);
    case "fileContainingSymbol":
      return files(source.findSymbol(messageRequest.value), `symbol ${messageRequest.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      return files(
        source.findExtension(containingType, extensionNumber),
        `extension ${extensionNumber} of ${containingType}`,
      );
    }
    case "allExtensionNumbersOfType": {
      const numbers = source.extensionNumbers(messageRequest.value);
      if (!numbers) return failure(Status.NOT_FOUND, `no type ${messageRequest.value} is known here`);
      return {
        $case: "allExtensionNumbersResponse",
        value: { baseTypeName: messageRequest.value, extensionNumber: [...numbers] },
      };
    }
    case undefined:
      return failure(Status.INVALID_ARGUMENT, "the request asks for nothing that this server knows of");
  }
}

function files(found: readonly ReflectedFile[] | undefined, what: string): Answer {
  if (!found) return failure(Status.NOT_FOUND, `no ${what} is known here`);
  return {
    $case: "fileDescriptorResponse",
    value: { fileDescriptorProto: found.map(({ bytes }) => asBuffer(bytes)) },
  };
}

function failure(errorCode: Status, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}
