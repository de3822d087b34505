export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

/** What a scrape says, read by the rules of Prometheus' text format, version 0.0.4. */
export interface Scraped {
  readonly families: readonly Family[];
  readonly lines: number;
  /** Those of that name, suffixes such as "_count" included in it, that have these labels. */
  samples(name: string, labels: Readonly<Record<string, string>>): readonly Sample[];
  sum(name: string, labels: Readonly<Record<string, string>>): number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const ESCAPED: Readonly<Record<string, string>> = { '\\"': '"', "\\\\": "\\", "\\n": "\n" };

/** @throws Error with the line that breaks the format */
export function parseMetrics(text: string): Scraped {
  if (!text.endsWith("\n")) throw new Error("the last line must end with a line feed");
  const families: (Family & { samples: Sample[] })[] = [];
  const lines = text.split("\n").filter((line) => line !== "");
  for (const line of lines) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    const last = families.at(-1);
    if (keyword === "HELP") {
      if (families.some((family) => family.name === name)) throw new Error(`${name} comes twice`);
      families.push({ name, help: rest, type: "", samples: [] });
    } else if (keyword === "TYPE") {
      if (last?.name !== name || last.samples.length > 0) throw new Error(`TYPE without HELP before it: ${line}`);
      families[families.length - 1] = { ...last, type: rest };
    } else {
      const sample = parseSample(line);
      const ofFamily = sample.name.replace(last?.type === "histogram" ? /_(bucket|sum|count)$/ : /$^/, "");
      if (ofFamily !== last?.name) throw new Error(`a sample outside of its family: ${line}`);
      last.samples.push(sample);
    }
  }
  const samples = (name: string, labels: Readonly<Record<string, string>>) =>
    families
      .flatMap((family) => family.samples)
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
  const sum = (name: string, labels: Readonly<Record<string, string>>) =>
    samples(name, labels).reduce((total, { value }) => total + value, 0);
  return { families, lines: lines.length, samples, sum };
}

function parseSample(line: string): Sample {
  const match = LINE.exec(line);
  if (!match) throw new Error(`no sample: ${line}`);
  const [, name = "", text = "", value = ""] = match;
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const label = LABEL.exec(text);
    if (!label) throw new Error(`labels cannot be read: ${line}`);
    labels[label[1]!] = label[2]!.replace(/\\["\\n]/g, (escaped) => ESCAPED[escaped]!);
  }
  if (Number.isNaN(Number(value)) && value !== "NaN") throw new Error(`no number: ${line}`);
  return { name, labels, value: Number(value) };
}
