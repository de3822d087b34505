#!/usr/bin/env node
import { runWorker } from "./worker-role";

// Environment only: made for containers and units. `heddle worker` is the same with flags.
void runWorker(process.env, () => Promise.resolve({})).then((code) => process.exit(code));
