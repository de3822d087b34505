import { messageOf } from "../../core/errors";
import { schemaText, templateOf } from "../../wire/contract-text";
import { EXIT, paint, type Terminal } from "../terminal";
import type { CallContracts, CallMethod } from "./contract";
import { findService } from "./contract";

/** "Execute(heddle.compute.v1.ExecuteRequest) → stream heddle.compute.v1.ExecuteResponse". */
function signature({ name, json, requestStream, responseStream, idempotent, resumable }: CallMethod): string {
  const { input, output } = json.method;
  const traits = [idempotent && "idempotent", resumable && "resumable"].filter(Boolean).join(", ");
  const [request, answer] = [requestStream ? "stream " : "", responseStream ? "stream " : ""];
  return `${name}(${request}${input.typeName}) → ${answer}${output.typeName}${traits && `  [${traits}]`}`;
}

/** `heddle call` without a method: all services, or one, with their methods. */
export async function listMethods(
  contracts: CallContracts,
  terminal: Terminal,
  service: string | undefined,
  json: boolean,
): Promise<number> {
  const all = await contracts.services();
  const names = service === undefined ? all : [findService(all, service)];
  const found: object[] = [];
  for (const name of names) {
    let methods: readonly CallMethod[];
    try {
      methods = await contracts.methods(name);
    } catch (error) {
      // Of one service that is described badly, the others know nothing.
      if (service !== undefined) throw error;
      if (!json) terminal.out(paint(terminal, "dim", `${name}  (${messageOf(error)})`));
      continue;
    }
    if (json) {
      found.push(...methods.map((method) => plainMethod(method)));
      continue;
    }
    terminal.out(name);
    for (const method of methods) terminal.out(`  ${signature(method)}`);
  }
  if (json) terminal.out(JSON.stringify(found, undefined, 2));
  else if (names.length > 0) terminal.err(`Try: heddle call ${names[0]}/… --describe, for a method's schema`);
  return EXIT.ok;
}

/** `heddle call … --describe`. */
export function describeMethod(method: CallMethod, terminal: Terminal, json: boolean): number {
  const template = templateOf(method.json.method.input);
  if (json) {
    terminal.out(
      JSON.stringify({ ...plainMethod(method), schema: schemaText(method.json.method), template }, undefined, 2),
    );
    return EXIT.ok;
  }
  terminal.out(schemaText(method.json.method));
  terminal.out("");
  const once = JSON.stringify(template);
  terminal.out(paint(terminal, "dim", "A request with every field, to be filled in:"));
  terminal.out(`heddle call ${method.service}/${method.name} '${once.replaceAll("'", "'\\''")}'`);
  return EXIT.ok;
}

/** Keys stay as they are; new ones may come. */
function plainMethod({ service, name, json, requestStream, responseStream, idempotent, resumable }: CallMethod) {
  return {
    method: `${service}/${name}`,
    request: json.method.input.typeName,
    answer: json.method.output.typeName,
    requestStream,
    responseStream,
    idempotent,
    resumable,
  };
}
