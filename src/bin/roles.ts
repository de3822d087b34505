import { protoServices } from "../api/proto-services";
import type { ProtoWorker, Roles } from "../cli/program";
import { runAttachment } from "./attach-role";
import { runClient } from "./client-role";
import { runDirector } from "./director-role";
import { loadModule } from "./load-module";
import { runWorker } from "./worker-role";

/** What the commands do. The programs of one role import that role alone: what they do not load costs them no memory. */
export const ROLES: Roles = {
  director: runDirector,
  worker: (env, proto) => runWorker(env, async () => (proto ? await protoContract(proto) : {})),
  attach: runAttachment,
  client: runClient,
};

async function protoContract(proto: ProtoWorker) {
  return protoServices(proto, await loadModule(proto.handlersModule, "--handlers"));
}
