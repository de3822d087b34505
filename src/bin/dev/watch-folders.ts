import { type FSWatcher, readdirSync, watch } from "node:fs";
import { join } from "node:path";

/** What programs are made of. Others are data, which a worker may write itself. */
const SOURCES = /\.(?:[cm]?[jt]s|proto)$/;
/** Folders that hold nothing a person edits. */
const PASSED_OVER = /^(?:node_modules|\..*)$/;
/** Each costs a handle of the system's. */
const FOLDERS_MAX = 1_000;
/** Editors write a file in several steps, and people save several files. */
const QUIET_MS = 200;

/**
 * Calls `changed` when files of programs in these folders, or below, have changed and nothing more did for 200 ms. Beyond 1,000 folders the rest
 * is not watched. The function that is returned ends it.
 */
export function watchFolders(roots: readonly string[], changed: (file: string) => void): () => void {
  const watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | undefined;
  const folders = [...new Set(roots)];
  for (const folder of folders) {
    try {
      watchers.push(
        watch(folder, (_event, name) => {
          if (name === null || !SOURCES.test(name)) return;
          clearTimeout(timer);
          timer = setTimeout(() => changed(join(folder, name)), QUIET_MS);
        }).on("error", () => {}), // the folder is gone: its files tell no more
      );
      if (folders.length < FOLDERS_MAX) folders.push(...subfolders(folder).slice(0, FOLDERS_MAX - folders.length));
    } catch {
      // It was gone before it was watched.
    }
  }
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

function subfolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !PASSED_OVER.test(entry.name))
    .map(({ name }) => join(folder, name));
}
