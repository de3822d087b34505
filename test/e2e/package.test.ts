import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";

import { bufCurl, bufListMethods } from "../support/buf-curl";
import { freeAddress, Processes, type RunningProcess } from "../support/processes";

const run = promisify(execFile);
const ROOT = resolve(__dirname, "../..");
/** What a user of the example does not copy. */
const NOT_COPIED = new Set(["node_modules", "generated", "dist"]);
const INSTALL_WITHIN_MS = 150_000;

jest.setTimeout(60_000);

/** The example, outside the repository, with the package as it would be published. */
let project: string;
let packed: string[];
let processes: Processes;

/** What a command prints; rejects, with all output, when it fails. */
async function inProject(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await run(command, args, { cwd: project, maxBuffer: 16 << 20 });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${[command, ...args].join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

const bin = (name: string) => join(project, "node_modules", ".bin", name);

beforeAll(async () => {
  processes = new Processes();
  project = await mkdtemp(join(tmpdir(), "heddle-package-"));
  const isCopied = (source: string) => !NOT_COPIED.has(basename(source)) && !source.endsWith(".pgm");
  await cp(join(ROOT, "examples/thumbnails"), project, { recursive: true, filter: isCopied });
  // `make test` has just built dist/; building it again would change it under the tests beside this one.
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", project];
  const { stdout } = await run("npm", pack, { cwd: ROOT, maxBuffer: 16 << 20 });
  const [tarball] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  packed = tarball!.files.map(({ path }) => path);
  const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball!.filename}`];
  await inProject("npm", ...install);
  await inProject("npm", "run", "build");
}, INSTALL_WITHIN_MS);

afterAll(async () => {
  await processes.stopAll();
  await rm(project, { recursive: true, force: true });
});

describe("the package, as it would be published", () => {
  it("has the programs, the library, its types and the contract, and nothing of how it is made", () => {
    expect(packed).toEqual(
      expect.arrayContaining([
        "LICENSE",
        "README.md",
        "package.json",
        "dist/src/api/index.js",
        "dist/src/api/index.d.ts",
        "dist/generated/heddle/v1/director.d.ts",
        "proto/heddle/v1/director.proto",
      ]),
    );
    const folders = new Set(packed.map((path) => path.split("/").slice(0, 2).join("/")));
    for (const folder of ["dist/test", "dist/scripts", "src", "test", "scripts", "examples"]) {
      expect(folders).not.toContain(folder);
    }
    expect(packed.filter((path) => path.endsWith(".map"))).toEqual([]);
  });

  it.each(["heddle", "heddle-director", "heddle-worker", "heddle-client"])(
    "R-01 installs %s, which knows its version and its settings",
    async (name) => {
      const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
      expect(await inProject(bin(name), "--version")).toBe(`${version}\n`);
      const help =
        name === "heddle" ? await inProject(bin(name), "worker", "--help") : await inProject(bin(name), "--help");
      expect(help).toContain("DIRECTOR_ADDR");
    },
  );

  it("refuses what a program of the environment would ignore, and what no command knows, with exit code 2", async () => {
    for (const [name, args] of [
      ["heddle-director", ["--listen-address", "127.0.0.1:1"]],
      ["heddle", ["directr"]],
    ] as const) {
      const program = await processes.spawn(bin(name), { args });
      expect({ name, exit: await program.whenExited() }).toEqual({ name, exit: { code: 2, signal: null } });
    }
  });

  it("has types that stand a compiler which skips nothing, from both kinds of module", async () => {
    const folder = join(project, "types");
    await mkdir(folder);
    const use = `
      import { connect, createDirector, createWorker, type BalancingPolicy, type FabricClient } from "heddle";
      import { connect as connectOnly, type TypedClient } from "heddle/client";
      import { createWorker as createOnly, type CallContext, type Worker } from "heddle/worker";
      import { createTestCluster, heddleMatchers, type HeddleMatchers, type TestCluster } from "heddle/testing";

      export const first: BalancingPolicy = ([endpoint]) => ({
        pick: () => (endpoint ? { kind: "picked", endpoint } : { kind: "wait" }),
      });
      export const roles = { connect, createDirector, createWorker };
      export const client: () => FabricClient = connectOnly;
      export const worker: () => Worker = createOnly;
      export const cluster: () => Promise<TestCluster> = () => createTestCluster({ seed: 1, workers: 3 });
      export const matchers: Record<keyof HeddleMatchers<unknown>, object> = heddleMatchers;
      export type Parts = [CallContext, TypedClient<never>];
      // @ts-expect-error -- not a setting: the options are typed.
      createOnly({ labell: "a" });
    `;
    await writeFile(join(folder, "esm.mts"), use);
    await writeFile(join(folder, "commonjs.cts"), use);
    const strict = [
      "--strict",
      "--noUncheckedIndexedAccess",
      "--exactOptionalPropertyTypes",
      "--skipLibCheck",
      "false",
    ];
    const target = ["--target", "es2023", "--module", "node16", "--types", "node", "--noEmit"];
    const files = ["types/esm.mts", "types/commonjs.cts"];
    expect(await inProject(bin("tsc"), "--ignoreConfig", ...strict, ...target, ...files)).toBe("");
  });

  it("can be imported and required, whole and in parts", async () => {
    const names = ["heddle", "heddle/client", "heddle/worker", "heddle/testing"];
    const report =
      "console.log([all.createDirector, client.connect, worker.createWorker, testing.createTestCluster].map((it) => typeof it).join());";
    const required = names.map((name) => `require(${JSON.stringify(name)})`).join();
    const imported = names.map((name) => `await import(${JSON.stringify(name)})`).join();
    const callable = "function,function,function,function\n";
    expect(await inProject("node", "-e", `const [all, client, worker, testing] = [${required}]; ${report}`)).toBe(
      callable,
    );
    const module = `const [all, client, worker, testing] = [${imported}]; ${report}`;
    expect(await inProject("node", "--input-type=module", "-e", module)).toBe(callable);
  });
});

describe("the example, built against the package with TypeScript strict", () => {
  let address: string;
  let worker: RunningProcess;

  beforeAll(async () => {
    address = await freeAddress();
    const env = { DIRECTOR_ADDR: address };
    const director = await processes.spawn(bin("heddle-director"), { env: { ...env, HEDDLE_DATA_DIR: "memory" } });
    await director.whenLogs(`🚀 Director ready - listening on ${address}`);
    worker = await processes.spawn(process.execPath, {
      name: "thumbnails worker",
      cwd: project,
      args: ["dist/src/worker.js"],
      env: { ...env, WORKER_LABEL: "thumbs-1", WORKER_ADDR: await freeAddress() },
    });
    await director.whenLogs("   - thumbs-1 at ");
  });

  it("R-10 writes thumbnails: the mean of the squares, and the slope in fewer steps", async () => {
    const client = await processes.spawn(process.execPath, {
      name: "thumbnails client",
      cwd: project,
      args: ["dist/src/client.js"],
      env: { DIRECTOR_ADDR: address },
    });
    expect({ exit: await client.whenExited(), lines: client.lines }).toEqual({
      exit: { code: 0, signal: null },
      lines: [
        "thumbnail.pgm: 32 × 16",
        "made by thumbs-1",
        "thumbnail-64.pgm: 64 × 32",
        "thumbnail-16.pgm: 16 × 8",
        "thumbnail-4.pgm: 4 × 2",
      ],
    });
    const written = (await readdir(project)).filter((name) => name.endsWith(".pgm"));
    expect(written).toHaveLength(4);
    const thumbnail = await readFile(join(project, "thumbnail-4.pgm"));
    expect(thumbnail.toString("latin1", 0, 11)).toBe("P5\n4 2\n255\n");
    // As many white as black pixels fall on the left; the halves of 0, 2 … 254 have the means 63 and 191.
    expect([...thumbnail.subarray(11)]).toEqual([128, 128, 63, 191, 128, 128, 63, 191]);
  });

  it("tests its own failover with the test kit: workers and directors die, no call fails, a seed replays", async () => {
    expect(await inProject("npm", "test")).toMatch(/ pass 4$/m);
  });

  it("is found and called by buf curl through a director that never saw its contract", async () => {
    expect(await bufListMethods(address)).toEqual(
      expect.arrayContaining(["thumbnails.v1.ThumbnailService/Resize", "thumbnails.v1.ThumbnailService/ResizeMany"]),
    );
    const pixels = Buffer.from([0, 0, 255, 255, 0, 0, 255, 255]).toString("base64");
    const image = { width: 4, height: 2, pixels };
    const bounds = { maxWidth: 2, maxHeight: 1 };
    const resize = "thumbnails.v1.ThumbnailService/Resize";
    const { answers } = await bufCurl(address, resize, { image, bounds, filter: "FILTER_BOX" });
    expect(answers).toEqual([{ image: { width: 2, height: 1, pixels: Buffer.from([0, 255]).toString("base64") } }]);
    const refused = await bufCurl(address, resize, { image: { ...image, width: 5 }, bounds });
    expect(refused.text).toContain("image: 5 × 2 needs 10 pixels, not 8");
    expect(refused.text).toContain("invalid_argument");
  });

  it("ends its worker on SIGTERM with exit code 0", async () => {
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
  });
});
