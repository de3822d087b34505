import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import type { CancelTimer, Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { materialOf, namesOf, type TlsContents, type TlsFiles, type TlsMaterial } from "./tls-material";

export interface LiveTlsParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the files are read again; 0 for never. */
  readonly reloadMs: number;
}

/**
 * TLS files as they are now. They are read at the start, where what is wrong with them throws, and then at intervals for as long as
 * somebody watches: their contents, because notifications of a file system are lost on network drives and where a link is swapped
 * for another (as Kubernetes does), and times of change may stay the same.
 * - V1 what cannot be used changes nothing: the last that could be stays, and the log names the file, once.
 * - V2 files change one after the other: a pair that does not fit together is looked at a second time before it is complained about.
 */
export class LiveTls {
  readonly #files: TlsFiles;
  readonly #parts: LiveTlsParts;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();
  #current: TlsMaterial;
  /** Of the contents that `#current` was made of. */
  #digest: string;
  /** Of contents that could not be used, or why they could not be read. */
  #unusable = "";
  #complained = false;
  #cancelTimer: CancelTimer | undefined;
  #isLooking = false;

  /** @throws FabricError INVALID_ARGUMENT that names the file which cannot be used */
  constructor(files: TlsFiles, parts: LiveTlsParts) {
    this.#files = files;
    this.#parts = parts;
    const contents = new Map(namesOf(files).map((file) => [file, readNow(file)]));
    this.#current = materialOf(files, contents);
    this.#digest = digestOf(contents);
  }

  get current(): TlsMaterial {
    return this.#current;
  }

  /** Tells of every change until it is ended by what it returns. */
  watch(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    this.#lookLater();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    };
  }

  /** Reads the files now. */
  async look(): Promise<void> {
    try {
      const read = namesOf(this.#files).map(async (file) => [file, await readSoon(file)] as const);
      this.#take(new Map(await Promise.all(read)));
    } catch (error) {
      this.#failed(messageOf(error), error);
    }
  }

  #lookLater(): void {
    const { clock, reloadMs } = this.#parts;
    if (reloadMs === 0 || this.#listeners.size === 0 || this.#isLooking || this.#cancelTimer) return;
    this.#cancelTimer = clock.after(reloadMs, () => {
      this.#cancelTimer = undefined;
      this.#isLooking = true;
      void this.look().then(() => {
        this.#isLooking = false;
        this.#lookLater();
      });
    });
  }

  #take(contents: TlsContents): void {
    const digest = digestOf(contents);
    if (digest === this.#digest) {
      this.#unusable = "";
      return;
    }
    let material: TlsMaterial;
    try {
      material = materialOf(this.#files, contents);
    } catch (error) {
      this.#failed(digest, error);
      return;
    }
    this.#current = material;
    this.#digest = digest;
    this.#unusable = "";
    this.#parts.logger.info("🔏 TLS files were renewed: connections from now on use them", {
      files: namesOf(this.#files).join(" "),
    });
    for (const listener of [...this.#listeners]) listener(material);
  }

  #failed(state: string, error: unknown): void {
    if (this.#unusable !== state) {
      this.#unusable = state;
      this.#complained = false;
      return;
    }
    if (this.#complained) return;
    this.#complained = true;
    this.#parts.logger.error(
      `🔏 renewed TLS files are not used: ${messageOf(error)}. What was read before stays in use`,
    );
  }
}

function digestOf(contents: TlsContents): string {
  const hash = createHash("sha256");
  for (const [file, content] of contents) hash.update(`${file}\n${content.length}\n`).update(content);
  return hash.digest("hex");
}

function readNow(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
}

async function readSoon(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
}

function cannotRead(file: string, error: unknown): FabricError {
  return new FabricError("INVALID_ARGUMENT", `TLS file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
}
