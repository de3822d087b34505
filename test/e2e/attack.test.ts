import { join, resolve } from "node:path";
import { DirectorServiceDefinition } from "../../generated/heddle/v1/director";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { channelCredentials } from "../../src/wire/tls";
import { typedClient } from "../../src/rpc/service/typed-client";
import { InHandServiceDefinition } from "../attack/in-hand";
import { WORKER } from "../attack/targets";
import { check } from "../bench/relay/checking-client";
import { HEDDLE } from "../bench/relay/contestants";
import { callShape } from "../bench/relay/echo-contract";
import { eventually, freeAddress, Processes, type RunningProcess } from "../support/processes";
import { fixedTls } from "../support/fixed-tls";

jest.setTimeout(60_000);

/** Long enough for each to begin; `make attack` goes on for longer, with all of them. */
const ATTACK_MS = 300;
const BUILT = resolve(__dirname, "../../dist/test");
const ROW = { name: "attack", title: "", connections: 1, streams: 1, shape: callShape(100), tls: false };

/** One of each family and those that have hurt, as attack-table.ts names them. */
const ATTACKS: readonly (readonly [what: string, attack: string])[] = [
  ["calls begun and cancelled (rapid reset)", "rapid-reset"],
  ["calls that reached their worker and are cancelled", "rapid-reset-whole-calls"],
  ["streams that the director has to reset (MadeYouReset)", "made-you-reset-window-0"],
  ["header blocks without end (CONTINUATION)", "continuation"],
  ["SETTINGS that resize every window", "settings-resize"],
  ["PINGs whose answers nobody reads", "ping-unread"],
  ["small header blocks that mean large lists (HPACK bomb)", "hpack-bomb"],
  ["10,000 keys of metadata", "metadata-10k-keys"],
  ["calls that each ask for another tag", "routing-all-different"],
  ["1,000 readers with windows of nothing", "zero-window-readers"],
  ["uploads without end, byte by byte", "endless-uploads-in-bytes"],
  ["header blocks that trickle", "slow-headers"],
  ["messages that claim to have 4 GiB", "length-prefix-4g"],
  ["1,000 connections that say nothing", "connections-held"],
  ["a worker that says goodbye without end", "worker-goaway-flood"],
  ["a worker whose trailers do not end its answers", "worker-trailers-without-end"],
  ["a worker that takes no streams", "worker-no-streams"],
  ["a worker that speaks no HTTP/2", "worker-garbage"],
];

/** For a worker's own port: those that reach further than frames and headers, which both ports leave to the same engine. */
const WORKER_ATTACKS: readonly (readonly [what: string, attack: string])[] = [
  ["calls begun and cancelled (rapid reset)", "rapid-reset"],
  ["calls that were answered and are cancelled", "rapid-reset-whole-calls"],
  ["streams that the worker has to reset (MadeYouReset)", "made-you-reset-window-0"],
  ["metadata over the limit", "header-list-over"],
  ["1,000 readers with windows of nothing", "zero-window-readers"],
  ["uploads without end", "endless-uploads"],
  ["uploads without end, byte by byte", "endless-uploads-in-bytes"],
  ["messages that claim to have 4 GiB", "length-prefix-4g"],
  ["compressed messages that are none", "compressed-lie"],
  ["1,000 connections that say nothing", "connections-held"],
];

function plainConnection(address: string): GrpcConnection {
  return new GrpcConnection(address, {
    credentials: channelCredentials(fixedTls({ certFile: "", keyFile: "", caFile: "" })),
    keepaliveMs: 0,
    messageMaxBytes: 4 << 20,
    reconnectMaxMs: 1_000,
  });
}

describe("Under attack", () => {
  let processes: Processes;
  let director: RunningProcess;
  let address: string;
  let toDirector: GrpcConnection;

  const run = (script: string, args: readonly string[]) =>
    processes.spawn(process.execPath, { name: script, args: [join(BUILT, script), ...args] });

  beforeAll(async () => {
    processes = new Processes();
    const worker = await run("bench/relay/canned-worker.js", []);
    const listening = await worker.whenLogs("listening at");
    director = await processes.heddle("heddle-director", { env: { DIRECTOR_ADDR: "127.0.0.1:0" } });
    address = /127\.0\.0\.1:\d+/.exec(await director.whenLogs("Director ready - listening on"))![0];
    await run("bench/relay/attach.js", [address, listening.slice(listening.lastIndexOf(" ") + 1), ""]);
    await director.whenLogs("status: 1 workers available");
    toDirector = plainConnection(address);
  });

  afterAll(async () => {
    toDirector.close();
    await processes.stopAll();
  });

  /** Looks at 32 answers in full; "" when all of them are right. */
  const innocents = () => check(HEDDLE, { address, pid: director.pid }, ROW);

  it.each(ATTACKS)(
    "%s: the director lives, innocent calls are answered, and nothing stays in hand",
    async (_, attack) => {
      const attacker = await run("attack/attacker.js", [
        ...[attack, address, "plain", String(ATTACK_MS), await freeAddress(), "attach"],
      ]);
      await attacker.whenLogs("attacking");
      const during = await innocents();
      await attacker.whenExited();
      const after = await innocents();
      const stats = typedClient(DirectorServiceDefinition, toDirector);
      let left = "";
      await eventually(
        () => `no call is in hand: ${left}`,
        async () => {
          const { inFlight, queued } = await stats.getStats({});
          left = `${inFlight} in flight, ${queued} queued`;
          return inFlight + queued === 0;
        },
      );
      expect({ during, after, isRunning: director.isRunning }).toEqual({ during: "", after: "", isRunning: true });
      expect(attacker.output).toContain('"connections"');
    },
  );
});

describe("Under attack on its own port", () => {
  let processes: Processes;
  let worker: RunningProcess;
  let address: string;
  let toWorker: GrpcConnection;

  const run = (script: string, args: readonly string[]) =>
    processes.spawn(process.execPath, { name: script, args: [join(BUILT, script), ...args] });

  beforeAll(async () => {
    processes = new Processes();
    worker = await run("attack/echo-worker.js", []);
    address = /127\.0\.0\.1:\d+/.exec(await worker.whenLogs("listening at"))![0];
    toWorker = plainConnection(address);
  });

  afterAll(async () => {
    toWorker.close();
    await processes.stopAll();
  });

  it.each(WORKER_ATTACKS)(
    "%s: the worker lives, innocent calls are answered, and nothing stays in hand",
    async (_, attack) => {
      const innocents = () => check(WORKER, { address, pid: worker.pid }, ROW);
      const attacker = await run("attack/attacker.js", [
        ...[attack, address, "plain", String(ATTACK_MS), await freeAddress(), ""],
      ]);
      await attacker.whenLogs("attacking");
      const during = await innocents();
      await attacker.whenExited();
      const after = await innocents();
      const stats = typedClient(InHandServiceDefinition, toWorker);
      await eventually("no call is in hand", async () => (await stats.getStats({})).inFlight === 0);
      expect({ during, after, isRunning: worker.isRunning }).toEqual({ during: "", after: "", isRunning: true });
      expect(attacker.output).toContain('"connections"');
    },
  );
});
