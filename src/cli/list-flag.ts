/** "a, b" as its parts; undefined and "" as none. */
export function listOf(text: string | undefined): string[] {
  const parts = (text ?? "").split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "");
}
