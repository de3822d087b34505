import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FabricError } from "../../../src/core/errors";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { openStore } from "../../../src/store/open-store";
import { CompiledProgram } from "../../support/compiled-program";
import { bytes, textOf } from "../../conformance/store-harness";

const PARTS = { clock: systemClock, random: seededRandom(1), logger: SILENT_LOGGER };

let dataDir: string;
let writer: CompiledProgram;

beforeAll(async () => {
  writer = await CompiledProgram.compile("test/integration/store/journal-child.ts", [
    "src/core",
    "src/platform",
    "src/store",
  ]);
});

afterAll(() => writer.remove());

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "heddle-disk-"));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

const openHere = () => openStore({ engine: "embedded", dataDir }, PARTS);
const refusal = () =>
  openHere().then(
    () => undefined,
    (error: FabricError) => ({ code: error.code, message: error.message }),
  );

async function fill(): Promise<void> {
  const store = await openHere();
  for (let turn = 0; turn < 20; turn += 1) await store.put(`key/${turn}`, bytes("x".repeat(100)));
  await store.close();
}

describe("the data folder", () => {
  it("refuses a second store with STORE_LOCKED, naming the folder and HEDDLE_DATA_DIR, and goes on in the first", async () => {
    const store = await openHere();
    expect(await refusal()).toEqual({
      code: "STORE_LOCKED",
      message: expect.stringMatching(
        new RegExp(`^\\[STORE_LOCKED\\] The data folder ${dataDir}/store is open .* HEDDLE_DATA_DIR`),
      ),
    });
    await store.put("key", bytes("x"));
    await store.close();
    const again = await openHere();
    expect(textOf(await again.get("key"))).toBe("x");
    await again.close();
  });

  it("refuses a second process", async () => {
    const child = spawnWriter(dataDir, 0, Infinity);
    await once(child.stdout, "data");
    expect(await refusal()).toMatchObject({ code: "STORE_LOCKED" });
    child.kill("SIGKILL");
    await once(child, "exit");
  });

  it.each<[string, () => Promise<void>]>([
    ["has a broken CURRENT", () => writeFile(join(dataDir, "store", "CURRENT"), "garbage")],
    ["lost its CURRENT", () => rm(join(dataDir, "store", "CURRENT"))],
    ["lost a table", () => loseTable()],
  ])("refuses a folder that %s, and changes nothing", async (_, damage) => {
    await fill();
    await damage();
    const before = (await readdir(join(dataDir, "store"))).filter((file) => /^CURRENT|\.ldb$/.test(file));
    expect(await refusal()).toEqual({
      code: "STORE_UNUSABLE",
      message: expect.stringMatching(/is damaged: .* Restore it from a backup.* HEDDLE_DATA_DIR/),
    });
    const after = await readdir(join(dataDir, "store"));
    expect(after).toEqual(expect.arrayContaining(before));
  });

  it("refuses a folder that cannot be written, and says so", async () => {
    await writeFile(join(dataDir, "store"), "a file where the folder should be");
    expect(await refusal()).toEqual({
      code: "STORE_UNUSABLE",
      message: expect.stringMatching(/data folder .* cannot be written .* HEDDLE_DATA_DIR/),
    });
  });

  it("makes the folder when it is not there", async () => {
    dataDir = join(dataDir, "a", "b");
    const store = await openHere();
    await store.put("key", bytes("x"));
    await store.close();
    await mkdir(dataDir, { recursive: true });
    expect(await readdir(dataDir)).toEqual(["store"]);
  });
});

describe("SIGKILL of a process that writes to the store on disk", () => {
  it("loses no acknowledged write in 200 kills", async () => {
    const random = seededRandom(200);
    // Two folders at once: starting a process takes longer than what it writes.
    const folders = [0, 1].map((index) => join(dataDir, String(index)));
    const acknowledged = await Promise.all(
      folders.map(async (folder) => {
        const numbers: number[] = [];
        for (let kills = 0; kills < 100; kills += 1) {
          numbers.push(...(await writeUntilKilled(folder, (kills + 1) * 100_000, 1 + random.below(60))));
        }
        return numbers;
      }),
    );
    for (const [index, numbers] of acknowledged.entries()) {
      const store = await openStore({ engine: "embedded", dataDir: folders[index]! }, PARTS);
      const kept = new Set((await store.list("n/")).entries.map((entry) => Number(textOf(entry))));
      await store.close();
      expect(numbers.length).toBeGreaterThan(1_000);
      expect(numbers.filter((number) => !kept.has(number))).toEqual([]);
    }
  }, 180_000);
});

/** The numbers that a writer saw acknowledged before it was killed, after `dieAfter` of them or a few more. */
async function writeUntilKilled(folder: string, first: number, dieAfter: number): Promise<number[]> {
  const child = spawnWriter(folder, first, dieAfter);
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ code, signal }).toEqual({ code: null, signal: "SIGKILL" });
  return output.split("\n").slice(0, -1).map(Number);
}

function spawnWriter(folder: string, first: number, dieAfter: number) {
  return spawn(process.execPath, [writer.path, folder, String(first), String(dieAfter)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function loseTable(): Promise<void> {
  // LevelDB makes a table of its log when it is opened again.
  await fill();
  const folder = join(dataDir, "store");
  const table = (await readdir(folder)).find((file) => file.endsWith(".ldb"))!;
  await rm(join(folder, table));
}
