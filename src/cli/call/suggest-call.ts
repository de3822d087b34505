import type { FabricClient } from "../../client/fabric-client";
import type { Clock } from "../../core/clock";
import { templateOf } from "../../wire/contract-text";
import { CallContracts } from "./contract";

const TIMEOUT_MS = 3_000;

/** A command that calls the first method of a worker that there is. */
export async function suggestedCall(fabric: FabricClient, clock: Clock): Promise<string> {
  const over = new AbortController();
  const cancelTimer = clock.after(TIMEOUT_MS, () => over.abort());
  const contracts = new CallContracts({ fabric, timeoutMs: TIMEOUT_MS, interrupted: over.signal });
  try {
    const services = await contracts.services();
    const service = services.find((name) => !/^(?:grpc|heddle\.v1)\./.test(name));
    if (service === undefined) return "heddle call";
    // A task that is there, rather than one to be filled in.
    if (service === "heddle.compute.v1.ComputeService") {
      return `heddle call ComputeService/Execute '{"task": "echo", "input": "aGVsbG8="}'`;
    }
    const [method] = await contracts.methods(service);
    if (method === undefined) return `heddle call ${service}`;
    const request = JSON.stringify(templateOf(method.json.method.input)).replaceAll("'", "'\\''");
    return `heddle call ${service.slice(service.lastIndexOf(".") + 1)}/${method.name} '${request}'`;
  } finally {
    cancelTimer();
    contracts.close();
  }
}
