#!/usr/bin/env node
import { clientSettings } from "../config/client-settings";
import { runClient } from "./client-role";
import { runEnvironmentOnly } from "./environment-only";

// Environment only: made for containers and units. `heddle client` is the same with flags.
const program = {
  name: "heddle-client",
  summary: "streams tokens from worker to worker, as a demonstration of failover.",
  settings: clientSettings,
  run: () => runClient(process.env),
};
void runEnvironmentOnly(program, process.argv.slice(2)).then((code) => process.exit(code));
