import type { Roles } from "../cli/program";
import { runAttachment } from "./attach-role";
import { runClient } from "./client-role";
import { runDirector } from "./director-role";
import { operate } from "./operate";
import { runWorker } from "./worker-role";

/** What the commands do. The programs of one role import that role alone: what they do not load costs them no memory. */
export const ROLES: Roles = {
  director: runDirector,
  worker: (env, proto) => runWorker(env, proto ? { kind: "proto", proto } : { kind: "default" }),
  attach: runAttachment,
  client: runClient,
  operate,
};
