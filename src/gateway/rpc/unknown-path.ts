import { nearestName } from "../../core/nearest-name";
import type { DescriptorCatalog } from "../../wire/descriptor-catalog";
import { HttpRefusal } from "./http-refusal";

const SHOWN_MAX = 120;

/** What is said of a path that is no method and no route: the nearest there is. */
export function unknownPath(catalog: DescriptorCatalog, httpMethod: string, path: string): HttpRefusal {
  const [, service = "", method, ...rest] = path.split("/");
  const isCall = method !== undefined && rest.length === 0 && service.includes(".");
  if (!isCall) {
    const what = `nothing is at ${httpMethod} ${shown(path)}`;
    return notFound("not_found", `${what}: /openapi.json has all that there is`);
  }
  const services = catalog.serviceNames();
  if (!services.includes(service)) {
    const nearest = nearestName(service, services);
    const remedy = nearest === undefined ? `the services are ${listed(services)}` : `did you mean ${nearest}?`;
    return notFound("unimplemented", `no service is called ${shown(service)}: ${remedy}`);
  }
  const methods = catalog.methodNames(service);
  if (methods.length === 0) {
    const remedy = "give its worker the contract (--descriptors, or reflection of its own), or call it by gRPC";
    return notFound(
      "unimplemented",
      `the contract of ${service} is not known, so its messages cannot be read: ${remedy}`,
    );
  }
  const nearest = nearestName(method, methods);
  const remedy = nearest === undefined ? `it has ${listed(methods)}` : `did you mean ${nearest}?`;
  return notFound("unimplemented", `${service} has no method ${shown(method)}: ${remedy}`);
}

function notFound(code: "not_found" | "unimplemented", message: string): HttpRefusal {
  const isService = code === "unimplemented";
  return new HttpRefusal(404, { code, message, ...(isService ? { heddleError: "UNKNOWN_SERVICE" } : {}) });
}

function listed(names: readonly string[]): string {
  return names.length <= 10 ? names.join(", ") : `${names.slice(0, 10).join(", ")} and ${names.length - 10} more`;
}

function shown(name: string): string {
  return JSON.stringify(name.length > SHOWN_MAX ? `${name.slice(0, SHOWN_MAX)}…` : name);
}
