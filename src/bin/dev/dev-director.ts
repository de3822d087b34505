import { createServer } from "node:net";
import type { DevOptions } from "../../cli/dev-options";
import type { Environment } from "../../config/setting";
import { DevProcess } from "./dev-process";

export interface DevDirector {
  readonly process: DevProcess;
  /** host:port for workers and clients. */
  readonly address: string;
  /** Of the HTTP port; "" without one. */
  readonly url: string;
}

const DEFAULT_ADDRESS = "127.0.0.1:61000";

/**
 * Starts a director, where it was told to or at the usual port, and at a free one where that is taken. Resolves when it takes calls.
 * @throws Error with what it wrote when it ends before
 */
export async function startDirector(
  env: Environment,
  { dataDir, verbose }: Pick<DevOptions, "dataDir" | "verbose">,
  say: (from: string, line: string) => void,
): Promise<DevDirector> {
  const asked = (env["DIRECTOR_ADDR"] ?? "").trim();
  const address = asked !== "" ? asked : (await isFree(DEFAULT_ADDRESS)) ? DEFAULT_ADDRESS : "127.0.0.1:0";
  let found: (line: LogLine) => void = () => {};
  const written: string[] = [];
  const process = new DevProcess({
    work: { kind: "director" },
    env: {
      ...env,
      DIRECTOR_ADDR: address,
      HEDDLE_DATA_DIR: dataDir === "" ? "memory" : dataDir,
      HEDDLE_LOG_FORMAT: "json",
    },
    onLine: (text) => {
      const line = parsed(text);
      if (written.length < WRITTEN_MAX) written.push(line.message);
      found(line);
      if (verbose || line.level === "warn" || line.level === "error") say("director", line.message);
    },
  });
  let url = "";
  const ready = new Promise<string>((resolve) => {
    found = ({ message }) => {
      url = /HTTP at (\S+)/.exec(message)?.[1] ?? url;
      const listening = /Director ready - listening on (\S+)/.exec(message)?.[1];
      if (listening !== undefined) resolve(listening);
    };
  });
  const early = process.exited.then((how) => {
    throw new Error(`the director ended (${how}): ${written.join("\n")}`);
  });
  const listening = await Promise.race([ready, early]);
  early.catch(() => {}); // later ends are for who runs it
  return { process, address: listening, url };
}

/** Lines that are kept for when it does not start. */
const WRITTEN_MAX = 50;

interface LogLine {
  readonly message: string;
  readonly level: string;
}

function parsed(text: string): LogLine {
  try {
    const { message = "", level = "" } = JSON.parse(text) as Partial<LogLine>;
    return { message, level };
  } catch {
    return { message: text, level: "error" };
  }
}

function isFree(address: string): Promise<boolean> {
  const [host = "", port = ""] = address.split(":");
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(Number(port), host, () => server.close(() => resolve(true)));
  });
}
