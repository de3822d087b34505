#!/usr/bin/env node
import { packageVersion } from "../api/process-parts";
import { heddleProgram } from "../cli/program";
import { ROLES } from "./roles";

void heddleProgram(ROLES, process.env, packageVersion(), (code) => process.exit(code)).parseAsync();
