#!/usr/bin/env node
import { packageVersion } from "../api/package-version";
import { heddleProgram } from "../cli/program";
import { ROLES } from "./roles";

void heddleProgram(ROLES, process.env, packageVersion(), (code) => process.exit(code)).parseAsync();
