#!/usr/bin/env node
import { directorSettings } from "../config/director-settings";
import { runDirector } from "./director-role";
import { runEnvironmentOnly } from "./environment-only";

// Environment only: made for containers and units. `heddle director` is the same with flags.
const program = {
  name: "heddle-director",
  summary: "a director: the one port for control, discovery and calls.",
  settings: directorSettings,
  run: () => runDirector(process.env),
};
void runEnvironmentOnly(program, process.argv.slice(2)).then((code) => process.exit(code));
