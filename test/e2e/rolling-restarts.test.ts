import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { FabricClient } from "../../src/api/client";
import { Cluster, type Started, type StoreName } from "../support/cluster";
import {
  LEDGER_WORKER,
  LedgerLoad,
  ledgerOf,
  stockLedger,
  type LedgerCaller,
  type LedgerReport,
} from "../support/ledger-load";

/** One is enough to catch what fails each time; more are for hunting what fails seldom. */
const ROUNDS = Number(process.env["ROLLING_ROUNDS"] ?? "1");

jest.setTimeout(60_000 + ROUNDS * 60_000);

describe("rolling restarts under load", () => {
  let cluster: Cluster;
  let file: string;
  let directors: Started[];
  let workers: Started[];
  let operator: FabricClient;
  let labels: readonly string[];
  const running: LedgerLoad[] = [];

  const startWorker = (label: string, address?: string) =>
    cluster.worker(label, { ...(address ? { address } : {}), env: { LEDGER_FILE: file }, args: LEDGER_WORKER });

  const restartWorkers = async (loads: readonly LedgerLoad[]) => {
    for (const [index, label] of labels.entries()) {
      const { process, address } = workers[index]!;
      expect(await process.stop(30_000)).toEqual({ code: 0, signal: null });
      workers[index] = await startWorker(label, address);
      await cluster.whenReady(operator, labels);
      await Promise.all(loads.map((each) => each.more(5)));
    }
  };

  const restartDirectors = async (which: readonly number[], loads: readonly LedgerLoad[]) => {
    for (const index of which) {
      const { process, address } = directors[index]!;
      expect(await process.stop(30_000)).toEqual({ code: 0, signal: null });
      directors[index] = await cluster.director({ address });
      await cluster.whenReady(operator, labels);
      await Promise.all(loads.map((each) => each.more(5)));
    }
  };

  const start = async (store: StoreName, directorCount: number, workerLabels: readonly string[]) => {
    labels = workerLabels;
    cluster = await Cluster.open(store);
    file = join(await cluster.processes.folder, "ledger.txt");
    directors = [];
    for (let index = 0; index < directorCount; index += 1) directors.push(await cluster.director());
    workers = await Promise.all(labels.map((label) => startWorker(label)));
    operator = cluster.connect();
    await cluster.whenReady(operator, labels);
  };

  /** A load that ends with the test at the latest. */
  const load = (name: string, caller: LedgerCaller) => {
    const begun = new LedgerLoad(name, caller);
    running.push(begun);
    return begun;
  };

  afterEach(async () => {
    for (const each of running.splice(0)) void each.stop();
    await cluster.close();
  });

  /** No call failed, and each that was answered ran exactly once. */
  const expectAllWell = async (reports: readonly LedgerReport[]) => {
    expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
    const ran = (await readFile(file, "utf8")).split("\n").slice(0, -1);
    expect(ran.filter((text, index) => ran.indexOf(text) !== index)).toEqual([]);
    expect(reports.flatMap(({ appended }) => appended).sort()).toEqual([...ran].sort());
    expect(reports.map(({ streams }) => streams > 0)).toEqual(reports.map(() => true));
  };

  it("on etcd: every worker, then every director, fails no call of any client, and runs none twice", async () => {
    await start("etcd", 3, ["a", "b", "c", "d"]);
    const loads = (["proxy", "direct", "auto"] as const).map((mode) => load(mode, ledgerOf(cluster.connect({ mode }))));
    const reports: LedgerReport[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      // Through the third director, which goes last: a stock client tries nothing again.
      const stock = load(`stock${round}`, stockLedger(directors[2]!.address));
      await Promise.all([...loads, stock].map((each) => each.more(5)));
      await restartWorkers([...loads, stock]);
      await restartDirectors([0, 1], [...loads, stock]);
      reports.push(await stock.stop());
      await restartDirectors([2], loads);
    }
    reports.push(...(await Promise.all(loads.map((each) => each.stop()))));
    await expectAllWell(reports);
  });

  it("on the embedded store: every worker fails no call, nor does its only director for clients that wait for it", async () => {
    await start("the embedded store", 1, ["a", "b"]);
    const loads = (["proxy", "direct"] as const).map((mode) =>
      load(mode, ledgerOf(cluster.connect({ mode }), { waitForReady: true })),
    );
    for (let round = 1; round <= ROUNDS; round += 1) {
      await restartWorkers(loads);
      await restartDirectors([0], loads);
    }
    await expectAllWell(await Promise.all(loads.map((each) => each.stop())));
  });
});
