import type { Tags } from "../core/member";
import { setting } from "./kinds";
import type { Entry, Setting } from "./setting";

const TAGS_MAX = 64;
const KEY = /^[A-Za-z0-9._/-]{1,63}$/;
const VALUE = /^[^\p{Cc},]{0,255}$/u;

/** Pairs such as "gpu=true,zone=a". A key without "=" gets the value "true". */
export function tags(name: string, entry: Entry<Tags>): Setting<Tags> {
  return setting(name, entry, {
    accepts:
      `key=value pairs separated by commas, such as "gpu=true,zone=a": at most ${TAGS_MAX}, no key twice, ` +
      "keys of 1 to 63 letters, digits and . _ / -, values of at most 255 characters",
    show: (value) =>
      Object.entries(value)
        .map(([key, tag]) => `${key}=${tag}`)
        .join(","),
    read: readTags,
    isValid: (value) => {
      if (typeof value !== "object" || value === null) return false;
      const entries = Object.entries(value);
      return entries.length <= TAGS_MAX && entries.every(([key, tag]) => KEY.test(key) && VALUE.test(tag));
    },
  });
}

function readTags(text: string): Tags | undefined {
  const found = new Map<string, string>();
  for (const part of text.split(",")) {
    const separator = part.indexOf("=");
    const key = (separator === -1 ? part : part.slice(0, separator)).trim();
    if (found.has(key)) return undefined;
    found.set(key, separator === -1 ? "true" : part.slice(separator + 1).trim());
  }
  return Object.fromEntries(found);
}
