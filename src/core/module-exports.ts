/**
 * What a module gives, of its namespace as `import()` has it: its default export, or else the namespace. CommonJS modules have theirs under `default`,
 * TypeScript's output imported as CommonJS one level deeper.
 */
export function defaultExportOf(namespace: unknown): unknown {
  let value = namespace;
  for (let depth = 0; depth < 2; depth += 1) {
    if (typeof value === "object" && value !== null && "default" in value) value = value.default;
  }
  return value;
}
