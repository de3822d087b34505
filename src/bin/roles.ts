import { readFile } from "node:fs/promises";

import type { Roles } from "../cli/program";
import type * as AttachRole from "./attach-role";
import type * as ClientRole from "./client-role";
import type * as RunDev from "./dev/run-dev";
import type * as DirectorRole from "./director-role";
import type * as Operate from "./operate";
import type * as ProcessScreen from "./process-screen";
import { processTerminal } from "./process-terminal";
import type * as WorkerRole from "./worker-role";

const loadDirector = () => require("./director-role") as typeof DirectorRole;
const loadWorker = () => require("./worker-role") as typeof WorkerRole;
const loadAttachment = () => require("./attach-role") as typeof AttachRole;
const loadClient = () => require("./client-role") as typeof ClientRole;
const loadDev = () => require("./dev/run-dev") as typeof RunDev;
const loadOperate = () => require("./operate") as typeof Operate;
const loadScreen = () => require("./process-screen") as typeof ProcessScreen;

/** What the commands do. Each loads what it needs and nothing else: help waits for nobody's code, and a worker has no director's in memory. */
export const ROLES: Roles = {
  director: (env) => loadDirector().runDirector(env),
  worker: (env, proto) => loadWorker().runWorker(env, proto ? { kind: "proto", proto } : { kind: "default" }),
  attach: (env, target) => loadAttachment().runAttachment(env, target),
  client: (env) => loadClient().runClient(env),
  dev: (env, options) => loadDev().runDev(env, options),
  terminal: processTerminal(),
  operate: (env, action, options) => loadOperate().operate(env, action, options),
  calls: {
    openScreen: (coloured) => loadScreen().openScreen(coloured),
    standardInput: () => process.stdin.setEncoding("utf8"),
    readText: (path) => readFile(path, "utf8"),
    inputIsTerminal: process.stdin.isTTY,
    outputIsTerminal: process.stdout.isTTY,
  },
};
