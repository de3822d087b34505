import type { CgroupUsage } from "../../../src/platform/cgroup";
import {
  type CpuTimes,
  HostLoadSampler,
  type LoadSources,
  parseProcStat,
  systemHostLoad,
} from "../../../src/platform/host-load";
import { settle } from "../../../src/testing/manual-clock";

/** A machine whose figures the test sets. */
class FakeHost implements LoadSources {
  timeMs = 0;
  cpu: CpuTimes = { busy: 0, total: 0 };
  group: CgroupUsage = {};
  disk = () => Promise.resolve(0.25);
  diskReads = 0;

  nowMs = () => this.timeMs;
  cpuTimes = () => this.cpu;
  cgroup = () => this.group;
  memory = () => ({ freeBytes: 250, totalBytes: 1_000 });
  loadAverage = () => 1.5;
  loopLagMaxMs = () => 12;
  diskRatio = () => {
    this.diskReads += 1;
    return this.disk();
  };
}

describe("Host load", () => {
  it("is the machine's where no control group limits the process", async () => {
    const host = new FakeHost();
    const sampler = new HostLoadSampler(host);
    await settle();
    host.cpu = { busy: 30, total: 100 };
    expect(sampler.sample()).toEqual({
      cpuRatio: 0.3,
      memoryRatio: 0.75,
      diskRatio: 0.25,
      loadAverage: 1.5,
      loopLagMs: 12,
    });
  });

  it("counts CPU since the last sample only", () => {
    const host = new FakeHost();
    const sampler = new HostLoadSampler(host);
    host.cpu = { busy: 100, total: 100 };
    sampler.sample();
    host.cpu = { busy: 110, total: 200 };
    expect(sampler.sample().cpuRatio).toBeCloseTo(0.1);
  });

  it("is the share of the control group's limit where there is one", () => {
    const host = new FakeHost();
    host.group = { cpuLimit: 0.5, cpuUsedSeconds: 10 };
    const sampler = new HostLoadSampler(host);
    host.timeMs = 2_000;
    host.group = { cpuLimit: 0.5, cpuUsedSeconds: 10.5, memoryLimitBytes: 500, memoryUsedBytes: 100 };
    expect(sampler.sample()).toMatchObject({ cpuRatio: 0.5, memoryRatio: 0.2 });
  });

  it("ignores a memory limit beyond what the machine has", () => {
    const host = new FakeHost();
    host.group = { memoryLimitBytes: 5_000, memoryUsedBytes: 100 };
    expect(new HostLoadSampler(host).sample().memoryRatio).toBe(0.75);
  });

  it("stays from 0 to 1 when figures jump", () => {
    const host = new FakeHost();
    host.group = { cpuLimit: 1, cpuUsedSeconds: 10 };
    const sampler = new HostLoadSampler(host);
    host.timeMs = 1_000;
    host.group = { cpuLimit: 1, cpuUsedSeconds: 99 };
    expect(sampler.sample().cpuRatio).toBe(1);
    host.timeMs = 2_000;
    host.group = { cpuLimit: 1, cpuUsedSeconds: 1 };
    expect(sampler.sample().cpuRatio).toBe(0);
    expect(sampler.sample().cpuRatio).toBe(0);
  });

  it("is not held up by a filesystem that hangs, nor asks it again meanwhile", () => {
    const host = new FakeHost();
    host.disk = () => new Promise(() => {});
    const sampler = new HostLoadSampler(host);
    sampler.sample();
    sampler.sample();
    expect(host.diskReads).toBe(1);
  });

  it("keeps the last figure of a filesystem that fails", async () => {
    const host = new FakeHost();
    const sampler = new HostLoadSampler(host);
    await settle();
    host.disk = () => Promise.reject(new Error("gone"));
    sampler.sample();
    await settle();
    expect(sampler.sample().diskRatio).toBe(0.25);
  });

  it("can be had of this machine", () => {
    const load = systemHostLoad().sample();
    const ratios = [load.cpuRatio, load.memoryRatio, load.diskRatio];
    expect(ratios.every((ratio) => ratio >= 0 && ratio <= 1)).toBe(true);
    expect(load.memoryRatio).toBeGreaterThan(0);
  });

  it("reads /proc/stat: idle and iowait are not busy, guests are not counted twice", () => {
    expect(parseProcStat("cpu  10 20 30 400 40 5 6 7 8 9\ncpu0 1 2 3\n")).toEqual({ busy: 78, total: 518 });
    expect(() => parseProcStat("intr 1 2 3")).toThrow("/proc/stat");
  });
});
