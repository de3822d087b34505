#!/usr/bin/env node
import { runDirector } from "./director-role";

// Environment only: made for containers and units. `heddle director` is the same with flags.
void runDirector(process.env).then((code) => process.exit(code));
