import { setting } from "./kinds";
import type { Entry, Setting } from "./setting";

const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
const NAME = new RegExp(`^(\\*|(\\*\\.)?${LABEL}(\\.${LABEL})*\\.?)$`, "i");

/** Host names without ports, separated by commas. `*.` before a name means every name below it; `*` alone means any name. */
export function hostNameList(name: string, entry: Entry<readonly string[]>): Setting<readonly string[]> {
  return setting(name, entry, {
    accepts: 'a comma-separated list of host names without ports, such as "heddle.example.org", "*.example.org" or "*"',
    show: (value) => value.join(","),
    read: (text) => text.split(",").map((part) => part.trim()),
    isValid: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((item) => typeof item === "string" && item.length <= 255 && NAME.test(item)),
  });
}
