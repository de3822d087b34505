import { readCgroup } from "../../../src/platform/cgroup";

const GIB = 1024 ** 3;
const files = (contents: Readonly<Record<string, string>>) => (file: string) => contents[file];

describe("Control groups", () => {
  it("version 2: the process's own limits and use", () => {
    const read = files({
      "/proc/self/cgroup": "0::/app\n",
      "/sys/fs/cgroup/cgroup.controllers": "cpu memory",
      "/sys/fs/cgroup/app/cgroup.controllers": "cpu memory",
      "/sys/fs/cgroup/app/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/app/cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
      "/sys/fs/cgroup/app/memory.max": `${GIB}\n`,
      "/sys/fs/cgroup/app/memory.current": "500\n",
      "/sys/fs/cgroup/app/memory.stat": "anon 100\ninactive_file 200\nactive_file 9\n",
    });
    expect(readCgroup(read)).toEqual({
      cpuLimit: 1.5,
      cpuUsedSeconds: 2.5,
      memoryLimitBytes: GIB,
      memoryUsedBytes: 300,
    });
  });

  it("version 2: the tightest limit of all groups above counts", () => {
    const read = files({
      "/proc/self/cgroup": "0::/pod/app\n",
      "/sys/fs/cgroup/cgroup.controllers": "cpu",
      "/sys/fs/cgroup/pod/cgroup.controllers": "cpu",
      "/sys/fs/cgroup/pod/app/cgroup.controllers": "cpu",
      "/sys/fs/cgroup/pod/cpu.max": "50000 100000",
      "/sys/fs/cgroup/pod/app/cpu.max": "200000 100000",
      "/sys/fs/cgroup/pod/memory.max": "max",
      "/sys/fs/cgroup/pod/app/memory.max": "max",
    });
    expect(readCgroup(read)).toEqual({ cpuLimit: 0.5 });
  });

  it("version 2 in a container that sees the host's path: the root of what is mounted", () => {
    const read = files({
      "/proc/self/cgroup": "0::/kubepods/pod1/abc\n",
      "/sys/fs/cgroup/cgroup.controllers": "cpu memory",
      "/sys/fs/cgroup/cpu.max": "100000 100000",
      "/sys/fs/cgroup/memory.max": `${2 * GIB}`,
    });
    expect(readCgroup(read)).toEqual({ cpuLimit: 1, memoryLimitBytes: 2 * GIB });
  });

  it("version 1: each controller has its own tree", () => {
    const read = files({
      "/proc/self/cgroup": "4:memory:/app\n2:cpu,cpuacct:/app\n",
      "/sys/fs/cgroup/cpu/app/tasks": "1",
      "/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us": "200000",
      "/sys/fs/cgroup/cpu/app/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/cpuacct/app/tasks": "1",
      "/sys/fs/cgroup/cpuacct/app/cpuacct.usage": "3000000000",
      "/sys/fs/cgroup/memory/app/tasks": "1",
      "/sys/fs/cgroup/memory/app/memory.limit_in_bytes": `${GIB}`,
      "/sys/fs/cgroup/memory/app/memory.usage_in_bytes": "1000",
      "/sys/fs/cgroup/memory/app/memory.stat": "total_inactive_file 400\n",
    });
    expect(readCgroup(read)).toEqual({
      cpuLimit: 2,
      cpuUsedSeconds: 3,
      memoryLimitBytes: GIB,
      memoryUsedBytes: 600,
    });
  });

  it("version 1: its words for no limit are none", () => {
    const read = files({
      "/proc/self/cgroup": "4:memory:/\n2:cpu:/\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    });
    expect(readCgroup(read)).toEqual({});
  });

  it("outside of Linux there is nothing to read", () => {
    expect(readCgroup(files({}))).toEqual({});
  });
});
