import { join } from "node:path";
import { LoadProcess } from "../measure/load-process";
import {
  attachTo,
  startBareDirector,
  startServer,
  type RunningProxy,
  type RunningServer,
  type Stage,
} from "../relay/contestants";
import { ofClient, ofServer, type Contestant } from "./contestant";

/** Where everything runs, and grpc-go's ends if there are any. */
export interface Ends {
  readonly stage: Stage;
  readonly go: string | undefined;
  /** Everything in it is ended with the run. */
  readonly clients: LoadProcess[];
}

export const SECTIONS = { server: startServers, client: startClients, wholeCall: startWholeCalls } as const;
export type Section = keyof typeof SECTIONS;

const CONNECTIONS = 4;

function startEnd({ stage: { processes, cores }, go }: Ends, kind: string): Promise<RunningServer> {
  const command = kind === "grpc-go" ? [go!, "server"] : [process.execPath, join(__dirname, "server.js"), kind];
  return startServer(processes, cores.proxy, kind, command);
}

async function startClient(
  { clients, go }: Ends,
  kind: string,
  to: RunningProxy,
  connections = 1,
): Promise<LoadProcess> {
  const program = kind === "grpc-go" ? [go!, "client"] : [process.execPath, join(__dirname, "client.js"), kind];
  const client = await LoadProcess.start(kind, [...program, to.address, String(connections)]);
  clients.push(client);
  return client;
}

/** Servers, under the same load. */
async function startServers(ends: Ends): Promise<Contestant[]> {
  const kinds = ["engine", "grpc-js", "node-http2", ...(ends.go === undefined ? [] : ["grpc-go"])];
  const contestants: Contestant[] = [];
  for (const kind of kinds) {
    const server = await startEnd(ends, kind);
    const listener = await startClient(ends, "listener", server, CONNECTIONS);
    contestants.push(ofServer(kind, server, ends.stage, listener));
  }
  return contestants;
}

/** Clients, before the same server; it is ours, which is the last to be what they wait for. */
async function startClients(ends: Ends): Promise<Contestant[]> {
  const server = await startEnd(ends, "engine");
  const stage = { ...ends.stage, worker: server.address };
  const director = await startBareDirector(stage);
  await attachTo(director.address, stage);
  await director.whenWorkerReady();
  const kinds = ["engine", "heddle", "grpc-js", ...(ends.go === undefined ? [] : ["grpc-go"])];
  const contestants: Contestant[] = [];
  for (const kind of kinds) {
    const client = await startClient(ends, kind, kind === "heddle" ? director : server);
    contestants.push(ofClient(kind, client, { client: client.pid }));
  }
  return contestants;
}

/** Client, worker, and what may stand between them. */
async function startWholeCalls(ends: Ends): Promise<Contestant[]> {
  const { stage, go } = ends;
  const contestants: Contestant[] = [];
  const add = async (kind: string, name: string, to: RunningProxy, pids: Contestant["pids"]) => {
    const client = await startClient(ends, kind, to);
    contestants.push(ofClient(`${kind}-${name}`, client, { client: client.pid, ...pids }));
  };

  const ours = await startBareDirector(stage);
  const workerProgram = [process.execPath, join(__dirname, "worker.js"), ours.address];
  const worker = await startServer(stage.processes, stage.cores.proxy, "worker", workerProgram);
  await ours.whenWorkerReady();
  await add("engine", "direct", worker, { worker: worker.pid });
  await add("engine", "director", ours, { director: ours.pid, worker: worker.pid });

  const grpcJs = await startEnd(ends, "grpc-js");
  const theirStage = { ...stage, worker: grpcJs.address };
  const theirs = await startBareDirector(theirStage);
  const attach = await attachTo(theirs.address, theirStage);
  await theirs.whenWorkerReady();
  await add("grpc-js", "direct", grpcJs, { worker: grpcJs.pid });
  await add("grpc-js", "director", theirs, { director: theirs.pid, worker: grpcJs.pid, attach: attach.pid });

  if (go !== undefined) {
    const grpcGo = await startEnd(ends, "grpc-go");
    await add("grpc-go", "direct", grpcGo, { worker: grpcGo.pid });
  }
  return contestants;
}
