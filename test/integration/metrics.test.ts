import { connect, createWorker, rawDefinition, type FabricClient, type Worker } from "../../src/api/index";
import { ComputeServiceDefinition } from "../../src/wire/contract";
import { SILENT_LOGGER } from "../../src/core/logger";
import { METRICS } from "../../src/gateway/metrics/metric-table";
import { IntentKind } from "../../generated/heddle/v1/member";
import { type HttpDirector, httpDirector } from "../support/http/director";
import { parseMetrics, type Scraped } from "../support/http/prometheus-text";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

const EXECUTE = "heddle.compute.v1.ComputeService/Execute";
const SLEEP = { task: "sleep", parameters: new Map([["ms", "300"]]) };

describe("GET /metrics (H-09)", () => {
  let http: HttpDirector;
  let workers: Worker[];
  let client: FabricClient;

  beforeAll(async () => {
    http = await httpDirector({ HEDDLE_SLOW_START_MS: "0" });
    const env = { DIRECTOR_ADDR: http.director.address, WORKER_ADDR: "127.0.0.1:0" };
    workers = ["a", "b"].map((label) =>
      createWorker({ env: { ...env, WORKER_LABEL: label, WORKER_SLOTS: "4" }, logger: SILENT_LOGGER }),
    );
    await Promise.all(workers.map((worker) => worker.start()));
    client = connect({ directors: [http.director.address], mode: "proxy", env: {} });
    await eventually("both workers are ready", async () => (await client.director.getStats({})).readyMembers === 2);
  });

  afterAll(async () => {
    await client.close();
    await Promise.all(workers.map((worker) => worker.stop({ reason: "" })));
    await http.director.stop({ graceMs: 0 });
  });

  const compute = () => client.client(ComputeServiceDefinition);

  async function scrape(): Promise<Scraped> {
    const answer = await fetch(`${http.url}/metrics`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    return parseMetrics(await answer.text());
  }

  it("has every metric of the table, with its help, its type and the labels that it says, and no other", async () => {
    await compute().execute({ task: "echo" });
    const scraped = await scrape();
    const table = Object.entries(METRICS).map(([name, { type, labels }]) => [name, type, [...labels].sort().join()]);
    expect(scraped.families.map(({ name, type }) => [name, type])).toEqual(table.map(([name, type]) => [name, type]));
    const labelsOf = new Map(table.map(([name, , labels]) => [name, labels]));
    for (const { name, help, samples } of scraped.families) {
      expect(help).not.toBe("");
      for (const { labels } of samples) {
        const names = Object.keys(labels).filter((label) => label !== "le");
        expect(names.sort().join()).toBe(labelsOf.get(name));
      }
    }
  });

  it("counts each call once, by method, status and worker, and its time in the class it belongs to", async () => {
    const before = await scrape();
    for (let count = 0; count < 10; count += 1) await compute().execute({ task: "echo" });
    await compute().execute(SLEEP);
    await expect(compute().execute({ task: "none" })).rejects.toThrow();
    const after = await scrape();
    const rise = (name: string, labels: Readonly<Record<string, string>>) =>
      after.sum(name, labels) - before.sum(name, labels);
    expect(rise("heddle_calls_total", { method: EXECUTE, status: "OK" })).toBe(11);
    expect(rise("heddle_calls_total", { method: EXECUTE, status: "NOT_FOUND" })).toBe(1);
    expect(rise("heddle_calls_total", { member: "a" }) + rise("heddle_calls_total", { member: "b" })).toBe(12);
    expect(rise("heddle_call_duration_seconds_count", { method: EXECUTE })).toBe(12);
    expect(rise("heddle_call_duration_seconds_bucket", { method: EXECUTE, le: "+Inf" })).toBe(12);
    const slow = { method: EXECUTE, le: "0.2" };
    expect(rise("heddle_call_duration_seconds_bucket", slow)).toBeLessThanOrEqual(11);
    expect(rise("heddle_call_duration_seconds_sum", { method: EXECUTE })).toBeGreaterThan(0.29);
    expect(rise("heddle_calls_started_total", {})).toBe(12);
  });

  it("has histograms whose classes rise to the count, with their bounds in seconds, ascending", async () => {
    const scraped = await scrape();
    for (const name of ["heddle_call_duration_seconds", "heddle_store_duration_seconds"]) {
      const buckets = scraped.samples(
        `${name}_bucket`,
        name === "heddle_store_duration_seconds" ? {} : { method: EXECUTE },
      );
      const bounds = buckets.map(({ labels }) => (labels.le === "+Inf" ? Infinity : Number(labels.le)));
      expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
      expect([bounds[0], bounds.at(-2), bounds.at(-1)]).toEqual([0.0001, 60, Infinity]);
      const counts = buckets.map(({ value }) => value);
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts.at(-1)).toBeGreaterThan(0);
    }
  });

  it("tells of members, slots, leadership and the store as they are", async () => {
    await client.director.setIntent({ memberId: "b", kind: IntentKind.CORDONED, reason: "", setBy: "" });
    await eventually("it leads", async () => (await scrape()).sum("heddle_leader", {}) === 1);
    const scraped = await scrape();
    await client.director.setIntent({ memberId: "b", kind: IntentKind.SERVING, reason: "", setBy: "" });
    const value = (name: string, labels: Readonly<Record<string, string>> = {}) => scraped.sum(name, labels);
    expect(value("heddle_members", { state: "alive" })).toBe(2);
    expect(value("heddle_members", { state: "dead" })).toBe(0);
    expect(value("heddle_member_intents", { intent: "cordoned" })).toBe(1);
    expect([value("heddle_members_ready"), value("heddle_members_attached")]).toEqual([1, 2]);
    expect([value("heddle_member_ready", { member: "a" }), value("heddle_member_ready", { member: "b" })]).toEqual([
      1, 0,
    ]);
    expect(value("heddle_member_slots", { member: "a" })).toBe(4);
    expect(scraped.samples("heddle_member_phi", {})).toHaveLength(2);
    expect(value("heddle_member_info", { member: "a", label: "a", role: "worker" })).toBe(1);
    expect(value("heddle_leader_epoch")).toBeGreaterThan(0);
    expect([value("heddle_store_available"), value("heddle_store_failures_total")]).toEqual([1, 0]);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(10e6);
  });

  it("shows calls in flight, by worker too", async () => {
    const calls = Array.from({ length: 3 }, () =>
      compute().execute({ ...SLEEP, parameters: new Map([["ms", "1000"]]) }),
    );
    await eventually("all are seen", async () => {
      const scraped = await scrape();
      return scraped.sum("heddle_calls_in_flight", {}) === 3 && scraped.sum("heddle_member_calls_in_flight", {}) === 3;
    });
    await Promise.all(calls);
  });

  it("makes no series of methods that callers invent", async () => {
    const before = (await scrape()).lines;
    for (let count = 0; count < 50; count += 1) {
      const invented = rawDefinition("heddle.compute.v1.ComputeService", { [`invented${count}`]: {} });
      await expect(client.client(invented)[`invented${count}`]!(new Uint8Array())).rejects.toThrow();
    }
    const after = await scrape();
    expect(after.sum("heddle_calls_total", { method: "other", status: "UNIMPLEMENTED" })).toBe(50);
    expect(after.lines - before).toBeLessThan(60);
  });

  it("escapes what people put into labels", () => {
    const { samples } = parseMetrics('# HELP a b\n# TYPE a gauge\na{x="1\\"2\\\\3\\n4"} 5\n');
    expect(samples("a", {})[0]!.labels.x).toBe('1"2\\3\n4');
  });

  it("disturbs no call, however often it is asked for, and never sees a counter fall", async () => {
    let isOver = false;
    const failures: unknown[] = [];
    const caller = async () => {
      while (!isOver && failures.length === 0) {
        await compute()
          .execute({ task: "echo" })
          .catch((error: unknown) => failures.push(error));
      }
    };
    const callers = [caller(), caller(), caller()];
    const counts: number[] = [];
    for (let count = 0; count < 10; count += 1) {
      const several = await Promise.all([scrape(), scrape(), scrape()]);
      counts.push(...several.map((each) => each.sum("heddle_calls_total", { status: "OK" })));
    }
    isOver = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBeGreaterThan(counts[0]!);
  });
});

describe("GET /readyz", () => {
  it("is 503 while the director drains, and its calls in flight end well", async () => {
    const http = await httpDirector();
    const worker = createWorker({
      env: { DIRECTOR_ADDR: http.director.address, WORKER_ADDR: "127.0.0.1:0", WORKER_LABEL: "w" },
      logger: SILENT_LOGGER,
    });
    await worker.start();
    const client = connect({ directors: [http.director.address], mode: "proxy", env: {} });
    const readiness = async () => (await fetch(`${http.url}/readyz`)).status;
    await client.client(ComputeServiceDefinition).execute({ task: "echo" });
    expect(await readiness()).toBe(200);
    const call = client
      .client(ComputeServiceDefinition)
      .execute({ task: "sleep", parameters: new Map([["ms", "1500"]]) });
    await eventually("it runs", async () => (await client.director.getStats({})).inFlight === 1);
    const stopped = http.director.stop();
    expect(await readiness()).toBe(503);
    expect((await fetch(`${http.url}/healthz`)).status).toBe(200);
    await expect(call).resolves.toMatchObject({ workerLabel: "w" });
    await stopped;
    await expect(readiness()).rejects.toThrow();
    await client.close();
    await worker.stop({ reason: "" });
  });
});
