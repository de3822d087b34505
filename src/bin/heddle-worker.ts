#!/usr/bin/env node
import { workerSettings } from "../config/worker-settings";
import { runWorker } from "./worker-role";
import { runEnvironmentOnly } from "./environment-only";

// Environment only: made for containers and units. `heddle worker` is the same with flags.
const program = {
  name: "heddle-worker",
  summary: "a worker with the default tasks.",
  settings: workerSettings,
  run: () => runWorker(process.env, { kind: "default" }),
};
void runEnvironmentOnly(program, process.argv.slice(2)).then((code) => process.exit(code));
