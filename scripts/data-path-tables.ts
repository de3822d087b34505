import { directorSettings } from "../src/config/director-settings";
import type { SettingsTable } from "../src/config/setting";
import { seededRandom } from "../src/core/random";
import {
  DEFAULT_LIMITS,
  RATE_LIMITS,
  SIZE_LIMITS,
  TIME_LIMITS,
  type Limits,
  type RateLimit,
} from "../src/http2/limits";
import { type Http2Options, resolveOptions, type ResolvedOptions } from "../src/http2/options";
import { systemClock } from "../src/platform/system-clock";
import { ACCEPTED_BOUNDS, DIALED_BOUNDS } from "../src/rpc/bounds";

/** Settings of a director that bound what calls may cost it. */
const BOUNDING_SETTINGS = [
  ...["connectionsMax", "connectionsPerAddressMax", "streamsPerConnectionMax", "callsMax", "headerListMaxBytes"],
  ...["messageMaxBytes", "retryBufferBytes", "retryMemoryBytes", "queueMax", "queueTimeoutMs", "attemptsMax"],
  ...["firstMessageTimeoutMs", "stallTimeoutMs", "callIdleTimeoutMs"],
  ...["tlsHandshakeTimeoutMs", "connectionIdleMs", "connectionAgeMaxMs", "connectionAgeGraceMs", "dataKeepaliveMs"],
] as const;

const optionsOf = (bounds: Partial<Http2Options>): ResolvedOptions =>
  resolveOptions({ clock: systemClock, random: seededRandom(1), ...bounds });

/** Tables of docs/data-path.md, by the name between whose marks each stands. */
export function dataPathTables(): Readonly<Record<string, string>> {
  return { settings: settingsTable(), buffers: buffersTable(), sums: sumsTable(), limits: limitsTable() };
}

function settingsTable(): string {
  const table: SettingsTable = directorSettings;
  const rows = BOUNDING_SETTINGS.map((option) => {
    const { name, defaultText, doc } = table[option]!;
    // The first sentence; the page of settings has the rest.
    return `| \`${name}\` | ${defaultText} | ${doc.split(/(?<=\.) /)[0]!} |`;
  });
  return ["| setting | default | what |", "| --- | --- | --- |", ...rows].join("\n");
}

function buffersTable(): string {
  const client = optionsOf(ACCEPTED_BOUNDS);
  const worker = optionsOf(DIALED_BOUNDS);
  const row = (what: string, of: (options: ResolvedOptions) => number) =>
    `| ${what} | ${bytes(of(client))} | ${bytes(of(worker))} |`;
  return [
    "| bytes | clients' connections | connections to workers |",
    "| --- | --- | --- |",
    row("window of a stream: received and not yet taken", ({ streamWindowBytes }) => streamWindowBytes),
    row("the same, of a stream whose other side keeps up, at most", (options) => options.windowGrowth?.maxBytes ?? 0),
    row("window of the connection: all its streams together", ({ connectionWindowBytes }) => connectionWindowBytes),
    row("waiting for the socket before DATA is held back", ({ writeHighWaterBytes }) => writeHighWaterBytes),
    row("answers waiting above that", ({ limits }) => limits.outputBacklogBytes),
    row("a header block that is not complete", ({ limits }) => limits.headerBlockBytes),
    row("a decoded header list", ({ limits }) => limits.headerListBytes),
    row("the peer's compression table", ({ headerTableBytes }) => headerTableBytes),
    row("a frame other than DATA that a read has cut", ({ maxFrameBytes }) => maxFrameBytes),
  ].join("\n");
}

/** The most that peers who stopped reading or never finish can make a director hold, by the windows above. */
function sumsTable(): string {
  const client = optionsOf(ACCEPTED_BOUNDS);
  const worker = optionsOf(DIALED_BOUNDS);
  const { retryBufferBytes, retryMemoryBytes, callsMax, connectionsMax, streamsPerConnectionMax } = directorSettings;
  const growth = ACCEPTED_BOUNDS.windowGrowth.budget.leftBytes; // nothing of it is taken here
  const row = (who: string, sum: string, total: number) => `| ${who} | ${sum} | ${mebibytes(total)} |`;
  const stalled = worker.streamWindowBytes + client.writeHighWaterBytes;
  return [
    "| who | holds at most | together |",
    "| --- | --- | --- |",
    row(
      "1,000 clients that stopped reading an answer each",
      "a window of the worker's stream, and the high-water mark of their socket",
      1_000 * stalled,
    ),
    row(
      `one client that uploads to a worker that does not read, on HEDDLE_STREAMS_PER_CONNECTION_MAX (${number(streamsPerConnectionMax.defaultValue)}) streams`,
      "a window for each, and the high-water mark of the worker's socket",
      streamsPerConnectionMax.defaultValue * client.streamWindowBytes + worker.writeHighWaterBytes,
    ),
    row("windows that have grown, of all connections of a process", "beyond their first size", growth),
    row(
      `HEDDLE_CALLS_MAX (${number(callsMax.defaultValue)}) calls of HEDDLE_CONNECTIONS_MAX (${number(connectionsMax.defaultValue)}) clients that all stopped reading`,
      "a window for each call, a high-water mark for each client",
      callsMax.defaultValue * worker.streamWindowBytes + connectionsMax.defaultValue * client.writeHighWaterBytes,
    ),
    row(
      "calls whose requests are kept for another attempt",
      `HEDDLE_RETRY_BUFFER_BYTES (${mebibytes(retryBufferBytes.defaultValue)}) each, HEDDLE_RETRY_MEMORY_BYTES in all`,
      retryMemoryBytes.defaultValue,
    ),
  ].join("\n");
}

function limitsTable(): string {
  const client: Partial<Limits> = ACCEPTED_BOUNDS.limits ?? {};
  const worker: Partial<Limits> = DIALED_BOUNDS.limits ?? {};
  const tables = { ...RATE_LIMITS, ...SIZE_LIMITS, ...TIME_LIMITS };
  const rows = Object.entries(tables).map(([key, { answer, doc }]) => {
    const name = key as keyof Limits;
    const values = [DEFAULT_LIMITS[name], client[name], worker[name]].map((value) => valueText(value));
    const others = [`clients ${values[1]}`, `workers ${values[2]}`].filter((_, at) => values[at + 1] !== "");
    return `| \`${name}\` | ${[values[0], ...others].join("; ")} | ${answer} | ${doc} |`;
  });
  return ["| limit | value | beyond it | what and why |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function valueText(value: RateLimit | number | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "number") return number(value);
  return `${number(value.burst)} at once, ${number(value.perSecond)}/s`;
}

function bytes(value: number): string {
  return value === 0x7fff_ffff ? "2^31 − 1, which is none" : number(value);
}

function mebibytes(value: number): string {
  return `${number(Math.round((value / 1_048_576) * 100) / 100)} MiB`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
