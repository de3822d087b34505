#!/usr/bin/env node
import { ROLES } from "./roles";

// Environment only: made for containers and units. `heddle director` is the same with flags.
void ROLES.director(process.env).then((code) => process.exit(code));
