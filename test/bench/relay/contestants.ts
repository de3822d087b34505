import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Certificates } from "../../support/certificates";
import { freeAddress, type Environment, type Processes, type RunningProcess } from "../../support/processes";

/** Cores, when there are enough to keep apart what is measured and what measures it. */
export interface Cores {
  /** For `taskset`; undefined pins nothing. */
  readonly proxy: string | undefined;
  readonly others: string | undefined;
}

export interface Stage {
  readonly processes: Processes;
  readonly folder: string;
  readonly cores: Cores;
  readonly worker: string;
  /** Set: the proxies speak TLS to their clients, and plain text to the worker as ever. */
  readonly certificates: Certificates | undefined;
  /** A service that a worker of its own has. A director learns it from the worker; other proxies must be told. */
  readonly detour?: { readonly service: string; readonly worker: string };
}

/** A proxy that runs. */
export interface RunningProxy {
  readonly address: string;
  /** The process whose CPU time counts, with its children; undefined where nothing stands in between. */
  readonly pid: number | undefined;
  /** All that it has written; undefined where nothing stands in between. */
  readonly output?: () => string;
}

export interface RunningServer extends RunningProxy {
  readonly pid: number;
}

export interface RunningDirector extends RunningServer {
  /** Resolves when it has one worker that takes calls. */
  whenWorkerReady(): Promise<unknown>;
}

export interface Contestant {
  readonly name: string;
  /** Program of another package that it needs. */
  readonly tool?: string;
  start(stage: Stage): Promise<RunningProxy>;
}

const BUILD = join(__dirname, "../../..");

export function spawnOn(
  processes: Processes,
  core: string | undefined,
  name: string,
  command: readonly string[],
  env: Environment = {},
): Promise<RunningProcess> {
  const [program, ...args] = core === undefined ? command : ["taskset", "-c", core, ...command];
  return processes.spawn(program!, { name, args, env });
}

/** Starts one of our own programs of this folder, which prints where it listens. */
export function startListening(
  processes: Processes,
  core: string | undefined,
  name: string,
  args: readonly string[] = [],
): Promise<RunningServer> {
  return startServer(processes, core, name, [process.execPath, join(__dirname, `${name}.js`), ...args]);
}

/** Starts any program that prints where it listens. */
export async function startServer(
  processes: Processes,
  core: string | undefined,
  name: string,
  command: readonly string[],
): Promise<RunningServer> {
  const running = await spawnOn(processes, core, name, command);
  const line = await running.whenLogs("listening at");
  return { address: line.slice(line.lastIndexOf(" ") + 1), pid: running.pid, output: () => running.output };
}

/** Whether a program can be run. */
export function isInstalled(program: string): boolean {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Our director, without a worker. */
export async function startBareDirector({ processes, cores, certificates }: Stage): Promise<RunningDirector> {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith("HEDDLE_"));
  const tls = certificates && {
    HEDDLE_TLS_CERT_FILE: certificates.certFile,
    HEDDLE_TLS_KEY_FILE: certificates.keyFile,
  };
  const program = join(BUILD, "src/bin/heddle-director.js");
  const director = await spawnOn(processes, cores.proxy, "director", [process.execPath, program], {
    ...(Object.fromEntries(settings) as Environment),
    DIRECTOR_ADDR: "127.0.0.1:0",
    ...tls,
  });
  const address = /127\.0\.0\.1:\d+/.exec(await director.whenLogs("Director ready - listening on"))![0];
  const whenWorkerReady = () => director.whenLogs("status: 1 workers available");
  return { address, pid: director.pid, output: () => director.output, whenWorkerReady };
}

/** Speaks for the stage's worker at a director, until the end. */
export function attachTo(director: string, { processes, cores, worker, certificates }: Stage): Promise<RunningProcess> {
  const args = [process.execPath, join(__dirname, "attach.js"), director, worker, certificates?.caFile ?? ""];
  return spawnOn(processes, cores.others, "attach", args);
}

/** Our director, with the worker attached and ready. */
export async function startDirector(stage: Stage): Promise<RunningProxy> {
  const director = await startBareDirector(stage);
  await attachTo(director.address, stage);
  await director.whenWorkerReady();
  return director;
}

/** A proxy in a process of ours. */
function ownProxy(name: string): Contestant["start"] {
  return ({ processes, cores, worker, certificates, detour }) =>
    startListening(processes, cores.proxy, name, [
      worker,
      ...(certificates ? [certificates.certFile, certificates.keyFile] : detour ? ["", ""] : []),
      ...(detour ? [detour.service, detour.worker] : []),
    ]);
}

/**
 * A proxy of another package: it takes an address that was free a moment ago, and says nothing when it listens. In one process,
 * without one that supervises: that uses no time either way, and a worker outlives a supervisor that is killed.
 */
async function startTool(stage: Stage, name: string, command: (address: string) => string[]): Promise<RunningProxy> {
  const address = await freeAddress();
  const running = await spawnOn(stage.processes, stage.cores.proxy, name, command(address));
  return { address, pid: running.pid, output: () => running.output };
}

/** In a folder of its own, since it writes beside its configuration. */
function startNginx(stage: Stage): Promise<RunningProxy> {
  const folder = join(stage.folder, stage.certificates ? "nginx-tls" : "nginx");
  mkdirSync(folder, { recursive: true });
  return startTool(stage, "nginx", (address) => {
    const { certificates, worker, detour } = stage;
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const lines = [
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr error;`,
      ...(process.getuid?.() === 0 ? ["user root;"] : []),
      "events { worker_connections 4096; }",
      "http {",
      "access_log off; keepalive_timeout 1h; keepalive_requests 1000000000; client_max_body_size 0;",
      ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
      `upstream worker { server ${worker}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 1h; }`,
      `server { listen ${address} ${certificates ? "ssl " : ""}http2; http2_max_concurrent_streams 256;`,
      ...(certificates
        ? [`ssl_certificate ${certificates.certFile}; ssl_certificate_key ${certificates.keyFile};`]
        : []),
      ...(detour ? [`location /${detour.service}/ { grpc_pass grpc://${detour.worker}; }`] : []),
      "location / { grpc_pass grpc://worker; } } }",
    ];
    const file = join(folder, "nginx.conf");
    writeFileSync(file, `${lines.join("\n")}\n`);
    return ["nginx", "-e", "stderr", "-p", folder, "-c", file];
  });
}

function startHaproxy(stage: Stage): Promise<RunningProxy> {
  const { certificates, folder, worker } = stage;
  return startTool(stage, "haproxy", (address) => {
    const pem = join(folder, "haproxy.pem");
    if (certificates) {
      writeFileSync(pem, Buffer.concat([readFileSync(certificates.certFile), readFileSync(certificates.keyFile)]));
    }
    const lines = [
      "global",
      "  nbthread 1",
      "  maxconn 4096",
      "defaults",
      "  mode http",
      "  timeout connect 5s",
      "  timeout client 1h",
      "  timeout server 1h",
      "frontend clients",
      `  bind ${address} ${certificates ? `ssl crt ${pem} alpn h2` : "proto h2"}`,
      "  default_backend workers",
      "backend workers",
      "  http-reuse always",
      `  server worker ${worker} proto h2`,
    ];
    const file = join(folder, certificates ? "haproxy-tls.cfg" : "haproxy.cfg");
    writeFileSync(file, `${lines.join("\n")}\n`);
    return ["haproxy", "-db", "-q", "-f", file];
  });
}

function startNghttpx(stage: Stage): Promise<RunningProxy> {
  const { certificates } = stage;
  return startTool(stage, "nghttpx", (address) => {
    const comma = (hostAndPort: string) => hostAndPort.replace(":", ",");
    return [
      "nghttpx",
      "--conf=/dev/null",
      "--workers=1",
      "--single-process",
      "--accesslog-file=/dev/null",
      `--frontend=${comma(address)}${certificates ? "" : ";no-tls"}`,
      `--backend=${comma(stage.worker)};;proto=h2`,
      ...(certificates ? ["--no-ocsp", certificates.keyFile, certificates.certFile] : []),
    ];
  });
}

export const HEDDLE = "heddle";
export const DIRECT = "direct";

/** In the order of the report. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: HEDDLE, start: startDirector },
  { name: "grpc-js", start: ownProxy("grpc-js-proxy") },
  { name: "node-http2", start: ownProxy("node-http2-proxy") },
  { name: "nginx", tool: "nginx", start: startNginx },
  { name: "haproxy", tool: "haproxy", start: startHaproxy },
  { name: "nghttpx", tool: "nghttpx", start: startNghttpx },
  // No proxy: what the load and the worker alone allow, and the zero of added latency.
  { name: DIRECT, start: ({ worker }) => Promise.resolve({ address: worker, pid: undefined }) },
];
