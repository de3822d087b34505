import { nearestName } from "../../core/nearest-name";
import { FabricError } from "../../core/errors";
import { DescriptorSet } from "../../wire/descriptor-set";
import { JsonCodecs, type MethodJson } from "../../wire/json-codec";
import { describeServices, listServices, type ReflectionDialogue } from "../../wire/reflection-client";
import { reflectionOver, ServerReflectionDefinition } from "../../wire/reflection-dialogue";
import type { OperatorParts } from "../operator";
import { CommandError, EXIT } from "../terminal";

/** A method that can be called, with its messages' JSON. */
export interface CallMethod {
  /** "package.Service". */
  readonly service: string;
  readonly name: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly idempotent: boolean;
  readonly resumable: boolean;
  readonly json: MethodJson;
}

const HELP = "heddle call, which lists what there is";
/** Candidates that an error names. */
const NAMED_MAX = 6;

/** The contracts of what can be called, as the director's reflection has them. `close` it. */
export class CallContracts {
  readonly #dialogue: ReflectionDialogue;

  constructor({ fabric, timeoutMs, interrupted }: Pick<OperatorParts, "fabric" | "timeoutMs" | "interrupted">) {
    const client = fabric.atDirector(ServerReflectionDefinition);
    this.#dialogue = reflectionOver(client, { timeoutMs, signal: interrupted });
  }

  /** Full names: first those of workers, then our own, then those that every gRPC server has. */
  async services(): Promise<readonly string[]> {
    const rank = (name: string) => (name.startsWith("grpc.") ? 2 : name.startsWith("heddle.v1.") ? 1 : 0);
    const names = [...(await listServices(this.#dialogue))].sort();
    return names.sort((a, b) => rank(a) - rank(b));
  }

  /** @param service - full name */
  async methods(service: string): Promise<readonly CallMethod[]> {
    const bytes = await this.#describe(service);
    const codecs = JsonCodecs.ofDescriptors(bytes);
    const described = DescriptorSet.parse(bytes, Infinity).services.find(({ fullName }) => fullName === service);
    return (described?.methods ?? []).map(({ path, name, requestStream, responseStream, idempotent, resumable }) => ({
      service,
      name,
      requestStream,
      responseStream,
      idempotent,
      resumable,
      json: codecs.method(path)!,
    }));
  }

  async #describe(service: string): Promise<Uint8Array> {
    try {
      return await describeServices(this.#dialogue, { address: "the director", services: [service] });
    } catch (error) {
      if (!(error instanceof FabricError) || error.code !== "DESCRIPTOR_CONFLICT") throw error;
      const what = `${service} cannot be called in JSON: its workers sent no contract that can be used`;
      throw new CommandError(
        EXIT.failed,
        `${what}: ${error.message}`,
        "createWorker({ descriptors }), see docs/workers.md",
      );
    }
  }

  /**
   * "package.Service/Method", or with the end of the service's name that no other has: "Service/Method".
   * @throws CommandError naming what is near, or that its workers sent no contract
   */
  async method(text: string): Promise<CallMethod> {
    const [serviceText = "", methodText = ""] = text.replace(/^\//, "").split("/");
    const service = findService(await this.services(), serviceText);
    const methods = await this.methods(service);
    const found = methods.find(({ name }) => name === methodText) ?? methods.find(({ name }) => same(name, methodText));
    if (found) return found;
    const names = methods.map(({ name }) => name);
    const near = nearestName(methodText, names);
    const hint = near === undefined ? `it has ${listed(names)}` : `did you mean ${near}?`;
    const next = near === undefined ? `heddle call ${service}` : `heddle call ${service}/${near}`;
    throw new CommandError(EXIT.notFound, `${service} has no method "${methodText}": ${hint}`, next);
  }

  close(): void {
    this.#dialogue.close();
  }
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
const lastPart = (fullName: string) => fullName.slice(fullName.lastIndexOf(".") + 1);

/** The one service of this name, or whose name alone ends so. @throws CommandError */
export function findService(services: readonly string[], text: string): string {
  if (services.includes(text)) return text;
  const ends = services.filter((name) => `.${name}`.toLowerCase().endsWith(`.${text.toLowerCase()}`));
  const [only] = ends;
  if (only !== undefined && ends.length === 1) return only;
  if (only !== undefined) {
    const message = `"${text}" is the end of ${ends.length} services: ${listed(ends)}`;
    throw new CommandError(EXIT.usage, message, `the same with more of the name, such as ${only}`);
  }
  if (services.length === 0) throw new CommandError(EXIT.notFound, "the director knows no service", "heddle worker");
  const near = nearestName(text, services) ?? nearestByLastPart(text, services);
  const hint = near === undefined ? `there are ${listed(services)}` : `did you mean ${near}?`;
  throw new CommandError(
    EXIT.notFound,
    `no service's name is or ends with "${text}": ${hint}`,
    near === undefined ? HELP : `heddle call ${near}`,
  );
}

/** By the last parts of the names. */
function nearestByLastPart(text: string, services: readonly string[]): string | undefined {
  const near = nearestName(lastPart(text), services.map(lastPart));
  return services.find((name) => lastPart(name) === near);
}

function listed(names: readonly string[]): string {
  const more = names.length > NAMED_MAX ? `, and ${names.length - NAMED_MAX} more` : "";
  return `${names.slice(0, NAMED_MAX).join(", ")}${more}`;
}
