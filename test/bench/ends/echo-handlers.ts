import type { Handlers } from "../../../src/api/worker";
import type { EchoServiceDefinition } from "./echo-definition";

/** As a user writes them. A message says in its second byte how many answers it wants. */
export const ECHO_HANDLERS: Handlers<typeof EchoServiceDefinition> = {
  echo: (request) => request,
  async *echoMany(request) {
    for (let count = 0; count < request[1]!; count += 1) yield request;
  },
  async *chat(requests) {
    for await (const request of requests) yield request;
  },
};
