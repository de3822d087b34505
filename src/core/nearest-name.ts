/** The name that `given` most likely stands for; undefined when none is near. */
export function nearestName(given: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let leastEdits = Math.max(3, Math.floor(given.length / 4)) + 1;
  for (const name of names) {
    // Texts are at least as far apart as their lengths; comparing one that somebody made very long would take seconds.
    if (Math.abs(name.length - given.length) >= leastEdits) continue;
    const edits = editDistance(given, name);
    if (edits < leastEdits) {
      leastEdits = edits;
      nearest = name;
    }
  }
  return nearest;
}

/** Insertions, deletions and substitutions that turn one text into the other (Levenshtein 1966), row by row. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const substitution = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
