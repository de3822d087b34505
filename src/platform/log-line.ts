import type { LogFields } from "../core/logger";

export type LogLevel = "error" | "warn" | "info" | "debug";

/** One line of the log before it is written. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
  readonly at: Date;
}

const DIM = "\u001b[2m";
const RESET = "\u001b[0m";
const LEVEL_COLOUR: Readonly<Record<LogLevel, string>> = {
  error: "\u001b[31m",
  warn: "\u001b[33m",
  info: "",
  debug: "\u001b[2m",
};

/** For people: time of day, message, fields. The level is named unless it is the ordinary one. */
export function prettyLine({ level, message, fields, at }: LogEntry, coloured: boolean): string {
  const paint = (colour: string, text: string) => (coloured && colour !== "" ? `${colour}${text}${RESET}` : text);
  const parts = [paint(DIM, timeOfDay(at))];
  if (level !== "info") parts.push(paint(LEVEL_COLOUR[level], level.toUpperCase()));
  parts.push(oneLine(message));
  const pairs = definedFields(fields).map(([key, value]) => `${key}=${bareOrQuoted(value)}`);
  if (pairs.length > 0) parts.push(paint(DIM, pairs.join(" ")));
  return parts.join(" ");
}

/** For collectors: one JSON object. A field that would hide one of ours gets a "_" after its name. */
export function jsonLine({ level, message, fields, at }: LogEntry): string {
  const line: Record<string, unknown> = { time: at.toISOString(), level, message };
  for (const [key, value] of definedFields(fields)) line[key in line ? `${key}_` : key] = value;
  return JSON.stringify(line);
}

function definedFields(fields: LogFields): [string, string | number | boolean][] {
  return Object.entries(fields).filter((pair): pair is [string, string | number | boolean] => pair[1] !== undefined);
}

function timeOfDay(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Control characters become visible, so that a text from outside can neither forge a line nor steer a terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function bareOrQuoted(value: string | number | boolean): string {
  const text = String(value);
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : oneLine(JSON.stringify(text));
}
