#!/usr/bin/env node
import { runClient } from "./client-role";

// Environment only: made for containers and units. `heddle client` is the same with flags.
void runClient(process.env).then((code) => process.exit(code));
