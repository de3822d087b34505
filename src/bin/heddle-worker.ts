#!/usr/bin/env node
import { ROLES } from "./roles";

// Environment only: made for containers and units. `heddle worker` is the same with flags.
void ROLES.worker(process.env, undefined).then((code) => process.exit(code));
