import type { DescriptorFile } from "./descriptor-file";

export type ImportOrder =
  | { readonly kind: "ordered"; readonly files: readonly DescriptorFile[] }
  | { readonly kind: "missing"; readonly importer: string; readonly name: string }
  /** Each file of `names` imports the next, the last one the first. */
  | { readonly kind: "cycle"; readonly names: readonly string[] };

/** Sorts `roots` and all that they import so that a file comes after its imports; otherwise keeps the order of `roots`. */
export function importOrder(
  roots: Iterable<DescriptorFile>,
  find: (name: string) => DescriptorFile | undefined,
): ImportOrder {
  const done = new Set<string>();
  const files: DescriptorFile[] = [];
  for (const root of roots) {
    // Not recursive: the depth of the imports is chosen by whoever sent them.
    const open: { readonly file: DescriptorFile; next: number }[] = [];
    const onPath = new Set<string>();
    const enter = (file: DescriptorFile) => {
      open.push({ file, next: 0 });
      onPath.add(file.name);
    };
    if (!done.has(root.name)) enter(root);
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const name = top.file.imports[top.next];
      if (name === undefined) {
        open.pop();
        onPath.delete(top.file.name);
        done.add(top.file.name);
        files.push(top.file);
        continue;
      }
      top.next += 1;
      if (done.has(name)) continue;
      if (onPath.has(name)) {
        const path = open.map(({ file }) => file.name);
        return { kind: "cycle", names: path.slice(path.indexOf(name)) };
      }
      const file = find(name);
      if (!file) return { kind: "missing", importer: top.file.name, name };
      enter(file);
    }
  }
  return { kind: "ordered", files };
}

/** Names of the files whose symbols `file` may use: itself, its imports, and what those import publicly. */
export function visibleFiles(file: DescriptorFile, find: (name: string) => DescriptorFile | undefined): Set<string> {
  const visible = new Set([file.name, ...file.imports]);
  const open = [...file.imports];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const passedOn of find(name)?.publicImports ?? []) {
      if (visible.has(passedOn)) continue;
      visible.add(passedOn);
      open.push(passedOn);
    }
  }
  return visible;
}
