import { createDirector, type Director } from "../../../src/api/director";
import { type Logger, SILENT_LOGGER } from "../../../src/core/logger";

/** A director in this process, with an HTTP port on a real socket. */
export interface HttpDirector {
  readonly director: Director;
  /** "http://127.0.0.1:port", without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Lines of its log that are errors. */
  readonly errors: string[];
}

/** @param env - beside what gives it free ports and no disk */
export async function httpDirector(env: Readonly<Record<string, string>> = {}): Promise<HttpDirector> {
  const errors: string[] = [];
  const lines: string[] = [];
  const logger: Logger = {
    ...SILENT_LOGGER,
    info: (line) => lines.push(line),
    error: (line) => errors.push(line),
    child: () => logger,
  };
  const director = await createDirector({
    env: { DIRECTOR_ADDR: "127.0.0.1:0", HEDDLE_DATA_DIR: "memory", HEDDLE_HTTP_ADDR: "127.0.0.1:0", ...env },
    logger,
  });
  await director.start();
  const url = lines.flatMap((line) => /HTTP at (https?:\/\/\S+)\/$/.exec(line)?.[1] ?? [])[0];
  if (url === undefined) throw new Error(`the director has not said where its HTTP port is: ${lines.join("\n")}`);
  return { director, url, port: Number(new URL(url).port), errors };
}
