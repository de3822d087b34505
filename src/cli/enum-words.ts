/** The words of a generated enum: "DEADLINE_PASSED" as "deadline-passed", UNSPECIFIED and numbers of newer versions as "unknown". */
export function enumWords(table: Readonly<Record<string, number>>): (value: number) => string {
  const words = new Map(Object.entries(table).map(([name, value]) => [value, name.toLowerCase().replaceAll("_", "-")]));
  words.delete(0);
  words.delete(-1);
  return (value) => words.get(value) ?? "unknown";
}
