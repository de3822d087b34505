import { execFile, execFileSync } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const FILLER_CHUNK = Buffer.alloc(4_096);

/** A file system in memory, so small that it can be filled. Linux, and root. */
export class SmallDisk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    process.once("exit", () => {
      try {
        execFileSync("umount", ["--lazy", folder], { stdio: "ignore" });
      } catch {
        // Unmounted in order before.
      }
    });
  }

  /** Mounted at this folder, which must be there. Undefined where that is not allowed. */
  static async mount(folder: string, sizeBytes: number): Promise<SmallDisk | undefined> {
    try {
      await run("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "heddle-test", folder]);
      return new SmallDisk(folder);
    } catch {
      return undefined;
    }
  }

  /** Takes all the space that is left. */
  async fill(): Promise<void> {
    const filler = await open(join(this.folder, "filler"), "a");
    try {
      for (;;) await filler.write(FILLER_CHUNK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      await filler.close();
    }
  }

  async free(): Promise<void> {
    await rm(join(this.folder, "filler"), { force: true });
  }

  async unmount(): Promise<void> {
    await run("umount", ["--lazy", this.folder]).catch(() => {});
  }
}
