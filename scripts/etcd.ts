/** Finds an etcd server to test against and prints its path: `npx tsx scripts/etcd.ts`. */
import { execFile } from "node:child_process";
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const CACHE_FOLDER = resolve(__dirname, "..", ".cache", "etcd");
const PACKAGE = "etcd-server";

/**
 * Path of an etcd binary: the one on PATH, else the one unpacked earlier, else that of Debian's package, which is downloaded
 * and unpacked under .cache without being installed. Rejects with a message that says what to install.
 */
export async function findEtcd(): Promise<string> {
  const unpacked = join(CACHE_FOLDER, "usr", "bin", "etcd");
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "etcd");
    if (folder !== "" && (await isExecutable(path))) return path;
  }
  if (!(await isExecutable(unpacked))) await unpackDebianPackage();
  if (await isExecutable(unpacked)) return unpacked;
  throw new Error(`the package ${PACKAGE} holds no usr/bin/etcd. ${REMEDY}`);
}

const REMEDY =
  "Install etcd 3.4 or newer so that `etcd` is on PATH (Debian and Ubuntu: apt install etcd-server; macOS: brew install etcd; " +
  "others: https://etcd.io/docs/latest/install/).";

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function unpackDebianPackage(): Promise<void> {
  await mkdir(join(CACHE_FOLDER, ".."), { recursive: true });
  // Beside the cache and renamed at the end, so that of two that unpack at once neither sees a half.
  const folder = await mkdtemp(`${CACHE_FOLDER}-`);
  try {
    await download(folder);
    const file = (await readdir(folder)).find((name) => name.endsWith(".deb"));
    if (file === undefined) throw new Error(`apt-get downloaded no package ${PACKAGE}`);
    await run("dpkg", ["-x", file, "unpacked"], { cwd: folder });
    await rename(join(folder, "unpacked"), CACHE_FOLDER).catch(async (error: unknown) => {
      if (!(await isExecutable(join(CACHE_FOLDER, "usr", "bin", "etcd")))) throw error;
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim() : String(error);
    throw new Error(`There is no etcd on PATH, and Debian's package cannot be had (${reason}). ${REMEDY}`, {
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function download(folder: string): Promise<void> {
  const fetchPackage = () => run("apt-get", ["download", PACKAGE], { cwd: folder });
  try {
    await fetchPackage();
  } catch {
    // A fresh machine has no package lists yet.
    await run("apt-get", ["update", "-qq"]);
    await fetchPackage();
  }
}

if (require.main === module) {
  findEtcd().then(
    (path) => console.log(path),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : String(error));
      process.exitCode = 1;
    },
  );
}
