import type { Entry, Setting } from "./setting";

interface Form<T> {
  readonly accepts: string;
  readonly show: (value: T) => string;
  readonly read: (text: string) => T | undefined;
  readonly isValid: (value: T) => boolean;
}

/** A setting of any form; the kinds below name the forms there are. */
export function setting<T>(name: string, entry: Entry<T>, form: Form<T>): Setting<T> {
  const shown = form.show(entry.default);
  return {
    name,
    aliases: entry.aliases ?? [],
    defaultValue: entry.default,
    defaultText: entry.unset ?? (shown === "" ? "unset" : shown),
    accepts: form.accepts,
    doc: entry.doc,
    read: form.read,
    isValid: form.isValid,
  };
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

const grouped = (value: number) => value.toLocaleString("en-US");

function wholeNumber(name: string, unit: string, entry: Entry<number> & Bounds): Setting<number> {
  const noun = unit === "" ? "a whole number" : `a whole number of ${unit}`;
  const leaveUnset = entry.default < entry.min ? `; leave it unset for ${entry.unset ?? "the default"}` : "";
  return setting(name, entry, {
    accepts: `${noun} from ${grouped(entry.min)} to ${grouped(entry.max)}${leaveUnset}`,
    show: grouped,
    read: (text) => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined),
    isValid: (value) => Number.isInteger(value) && value >= entry.min && value <= entry.max,
  });
}

/** A whole number without a unit. */
export function integer(name: string, entry: Entry<number> & Bounds): Setting<number> {
  return wholeNumber(name, "", entry);
}

/** A duration in whole milliseconds. Its name ends in _MS, so that nobody has to guess the unit. */
export function durationMs(name: string, entry: Entry<number> & Bounds): Setting<number> {
  return wholeNumber(name, "milliseconds", entry);
}

/** A size in bytes. Its name ends in _BYTES. */
export function bytes(name: string, entry: Entry<number> & Bounds): Setting<number> {
  return wholeNumber(name, "bytes", entry);
}

/** A number that may have a fraction. */
export function decimal(name: string, entry: Entry<number> & Bounds): Setting<number> {
  return setting(name, entry, {
    accepts: `a number from ${grouped(entry.min)} to ${grouped(entry.max)}`,
    show: grouped,
    read: (text) => (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : undefined),
    isValid: (value) => Number.isFinite(value) && value >= entry.min && value <= entry.max,
  });
}

/** One line of text. `pattern` must match all of it; `accepts` says in words what it matches. */
export function text(
  name: string,
  entry: Entry<string> & { readonly pattern?: RegExp; readonly accepts?: string },
): Setting<string> {
  const pattern = entry.pattern ?? /^[^\p{Cc}]{1,256}$/u;
  return setting(name, entry, {
    accepts: entry.accepts ?? "one line of 1 to 256 characters",
    show: (value) => value,
    read: (given) => given,
    isValid: (value) => typeof value === "string" && pattern.test(value),
  });
}

/** A name that goes into keys, metadata and log lines. */
export function identifier(name: string, entry: Entry<string>): Setting<string> {
  return text(name, {
    ...entry,
    pattern: /^[A-Za-z0-9._:-]{1,128}$/,
    accepts: "1 to 128 letters, digits and . _ : -",
  });
}

/** A file or folder, relative to the working directory. Whether it exists is found out by who opens it. */
export function path(name: string, entry: Entry<string>): Setting<string> {
  return text(name, { ...entry, pattern: /^[^\p{Cc}]{1,4096}$/u, accepts: "a path of 1 to 4,096 characters" });
}

const FLAG_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  yes: true,
  on: true,
  false: false,
  "0": false,
  no: false,
  off: false,
};

/** Yes or no. */
export function flag(name: string, entry: Entry<boolean>): Setting<boolean> {
  return setting(name, entry, {
    accepts: "true or false (also 1 or 0, yes or no, on or off)",
    show: String,
    read: (given) => FLAG_WORDS[given.toLowerCase()],
    isValid: (value) => typeof value === "boolean",
  });
}

/** One of a few words, in any letter case. `synonyms` maps further words to them. */
export function choice<const Word extends string>(
  name: string,
  entry: Entry<Word> & { readonly words: readonly Word[]; readonly synonyms?: Readonly<Record<string, Word>> },
): Setting<Word> {
  return setting(name, entry, {
    accepts: `one of ${entry.words.filter((word) => word !== "").join(", ")}`,
    show: (value) => value,
    read: (given) => {
      const word = given.toLowerCase();
      return entry.words.find((candidate) => candidate === word) ?? entry.synonyms?.[word];
    },
    isValid: (value) => entry.words.includes(value),
  });
}
