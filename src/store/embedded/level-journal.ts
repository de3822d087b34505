import { access, constants, mkdir, readdir } from "node:fs/promises";
import { ClassicLevel } from "classic-level";
import { FabricError, messageOf } from "../../core/errors";
import type { Journal, JournalBatch, StoredEntry, StoredLease, StoredState } from "./journal";
import {
  decodeEntry,
  decodeLease,
  decodeMeta,
  encodeBatch,
  ENTRY_PREFIX,
  FORMAT,
  LEASE_PREFIX,
  META_KEY,
} from "./level-records";
import type { LevelMeta } from "./level-records";

type Level = ClassicLevel<string, Uint8Array>;

/**
 * The record on disk, in LevelDB. A batch is flushed to the device before `append` resolves, so it survives a power cut, not
 * only a crash. LevelDB's lock keeps a second process out of the folder.
 */
export class LevelJournal implements Journal {
  readonly #folder: string;
  #level: Level | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Rejects with STORE_LOCKED, or with STORE_UNUSABLE that says what is wrong with the folder. */
  async load(): Promise<StoredState> {
    await this.close();
    await this.#checkFolder();
    const level: Level = new ClassicLevel(this.#folder, { keyEncoding: "utf8", valueEncoding: "view" });
    try {
      await level.open();
    } catch (error) {
      throw this.#openFailure(error);
    }
    try {
      const state = await this.#read(level);
      this.#level = level;
      return state;
    } catch (error) {
      await level.close();
      throw error;
    }
  }

  async append(batch: JournalBatch): Promise<void> {
    if (!this.#level) throw new FabricError("STORE_UNAVAILABLE", `The data folder ${this.#folder} is not open.`);
    await this.#level.batch(encodeBatch(batch), { sync: true });
  }

  async close(): Promise<void> {
    const level = this.#level;
    this.#level = undefined;
    await level?.close();
  }

  async #checkFolder(): Promise<void> {
    let files: string[];
    try {
      await mkdir(this.#folder, { recursive: true });
      await access(this.#folder, constants.R_OK | constants.W_OK | constants.X_OK);
      files = await readdir(this.#folder);
    } catch (error) {
      throw this.#unusable(`cannot be written (${messageOf(error)}). Make it writable for this user, or set`, error);
    }
    // LevelDB takes a folder without CURRENT for a new one and deletes the tables that it finds there.
    if (!files.includes("CURRENT") && files.some((file) => /\.(log|ldb|sst)$/.test(file))) {
      throw this.#corrupt("the file CURRENT is missing");
    }
  }

  async #read(level: Level): Promise<StoredState> {
    const entries: StoredEntry[] = [];
    const leases: StoredLease[] = [];
    let meta: LevelMeta = { format: FORMAT, revision: 0, entryCount: 0 };
    try {
      for await (const [key, bytes] of level.iterator()) {
        if (key.startsWith(ENTRY_PREFIX)) entries.push(decodeEntry(key, bytes));
        else if (key.startsWith(LEASE_PREFIX)) leases.push(decodeLease(key, bytes));
        else if (key === META_KEY) meta = decodeMeta(bytes);
      }
    } catch (error) {
      throw this.#corrupt(messageOf(error), error);
    }
    if (meta.format !== FORMAT) {
      throw this.#unusable(`was written by a newer version (format ${meta.format}). Use that version, or set`);
    }
    // LevelDB skips records whose checksum is wrong; the count shows it.
    if (meta.entryCount !== entries.length) {
      throw this.#corrupt(`it should hold ${meta.entryCount} keys but holds ${entries.length}`);
    }
    const ahead = entries.find(({ entry }) => entry.modRevision > meta.revision);
    if (ahead) throw this.#corrupt(`key "${ahead.entry.key}" is newer than the store's revision ${meta.revision}`);
    return { revision: meta.revision, entries, leases };
  }

  #openFailure(error: unknown): FabricError {
    // classic-level wraps LevelDB's own error.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
    if (code === "LEVEL_LOCKED") {
      return new FabricError(
        "STORE_LOCKED",
        `The data folder ${this.#folder} is open in another director. Stop that one, or give this one a folder of its own with HEDDLE_DATA_DIR.`,
        { cause: error },
      );
    }
    if (code === "LEVEL_CORRUPTION") return this.#corrupt(messageOf(cause), error);
    return this.#unusable(`cannot be opened (${messageOf(cause)}). Repair that, or set`, error);
  }

  #corrupt(what: string, cause?: unknown): FabricError {
    return this.#unusable(
      `is damaged: ${what}. Restore it from a backup, or move it away to start empty, or set`,
      cause,
    );
  }

  #unusable(what: string, cause?: unknown): FabricError {
    return new FabricError(
      "STORE_UNUSABLE",
      `The data folder ${this.#folder} ${what} HEDDLE_DATA_DIR to another one. Nothing was changed.`,
      { cause },
    );
  }
}
