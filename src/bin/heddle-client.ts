#!/usr/bin/env node
import { ROLES } from "./roles";

// Environment only: made for containers and units. `heddle client` is the same with flags.
void ROLES.client(process.env).then((code) => process.exit(code));
