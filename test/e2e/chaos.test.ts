import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runChaos, type ChaosReport } from "../chaos/chaos";

jest.setTimeout(180_000);

/** The most telling of `make chaos`, each once. */
const KINDS = [
  "worker SIGKILL",
  "worker SIGSTOP",
  "data black hole from the worker",
  "leading director SIGKILL",
  "all of etcd stopped",
  "directors SIGTERM, one after the other",
];

describe("chaos: real directors, workers, etcd members and links break under load", () => {
  let folder: string;
  let report: ChaosReport;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "heddle-chaos-"));
    report = await runChaos({
      ...{ folder: join(folder, "run"), seed: 5, kinds: KINDS, heartbeatMs: 200, directors: 3, workers: 3 },
      clients: [["proxy", "direct", "stock"]],
      perSecond: { read: 8, append: 4, count: 1, generate: 0.5 },
      say: () => {},
    });
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("H-06 R-06 no idempotent call fails, none that is not runs twice, no acknowledged write is lost, no stream has a gap", () => {
    const { failedIdempotent, duplicated, lostWrites, disorders } = report.verdict;
    expect({ failedIdempotent, duplicated, lostWrites, disorders }).toEqual({
      ...{ failedIdempotent: [], duplicated: [], lostWrites: [], disorders: [] },
    });
    expect(report.verdict.calls).toBeGreaterThan(100);
    expect(report.writes.acknowledged).toBeGreaterThan(10);
  });

  it("H-01 no process dies of it, nothing is unhandled, and all directors see the same again", () => {
    expect(report.verdict.complaints).toEqual([]);
  });

  it("every fault was there", () => {
    expect(report.faults.map(({ kind }) => kind).sort()).toEqual([...KINDS].sort());
  });
});
