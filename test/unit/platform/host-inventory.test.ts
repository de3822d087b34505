import { availableParallelism, hostname, totalmem } from "node:os";
import { type InventorySources, readHostInventory } from "../../../src/platform/host-inventory";

const GIB = 1024 ** 3;
const sources = (parts: Partial<InventorySources>): InventorySources => ({
  cgroup: () => ({}),
  cpuModel: () => Promise.resolve("Loom 9000 "),
  totalMemoryBytes: () => Promise.resolve(16 * GIB),
  diskBytes: () => Promise.resolve(100 * GIB),
  ...parts,
});

describe("Host inventory", () => {
  it("says what the machine has", async () => {
    expect(await readHostInventory(sources({}))).toEqual({
      cpuCores: availableParallelism(),
      memoryMib: 16_384,
      diskMib: 102_400,
      hostname: hostname(),
      platform: `${process.platform} ${process.arch}`,
      cpuModel: "Loom 9000",
    });
  });

  it("says what the process may use where a control group limits it", async () => {
    const limited = sources({ cgroup: () => ({ cpuLimit: 0.5, memoryLimitBytes: GIB }) });
    expect(await readHostInventory(limited)).toMatchObject({ cpuCores: 0.5, memoryMib: 1_024 });
  });

  it("does without what fails or hangs, and comes in time", async () => {
    const broken = sources({
      cpuModel: () => new Promise(() => {}),
      totalMemoryBytes: () => Promise.reject(new Error("no such thing")),
      diskBytes: () => new Promise(() => {}),
    });
    expect(await readHostInventory(broken, 1)).toMatchObject({
      memoryMib: Math.floor(totalmem() / 1024 ** 2),
      diskMib: 0,
    });
  });

  it("P-06 finds real figures on this machine", async () => {
    const found = await readHostInventory();
    expect(found.cpuCores).toBeGreaterThan(0);
    expect(found.memoryMib).toBeGreaterThan(0);
    expect(found.diskMib).toBeGreaterThan(0);
  });
});
