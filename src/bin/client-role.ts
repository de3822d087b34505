import { connect } from "../api/client";
import { connector } from "../api/connector";
import { liveTls, newId, processParts } from "../api/process-parts";
import { AssignedStream } from "../client/assigned-stream";
import { loadClientConfig } from "../config/roles";
import type { Environment } from "../config/setting";
import { systemClock } from "../platform/system-clock";
import { systemRandom } from "../platform/system-random";
import { logging, runRole } from "./run-role";

/** The demonstration client until it is told to stop. Resolves to the exit code. */
export function runClient(env: Environment): Promise<number> {
  return runRole(
    () => logging(loadClientConfig(env)),
    async (logger) => {
      const config = loadClientConfig(env);
      const parts = processParts(logger, { level: config.logLevel, format: config.logFormat });
      const dial = connector(config, parts, liveTls(config, parts));
      const fabric = connect({ env, logger, mode: "proxy" });
      const stream = new AssignedStream({
        clock: systemClock,
        random: systemRandom(),
        logger,
        director: fabric.director,
        directors: config.directors,
        prompt: "hello",
        maxTokens: 0,
        newId,
        connect: (address) => dial(address, { keepaliveMs: config.dataKeepaliveMs }),
      });
      const stopping = new AbortController();
      const finished = stream.run(stopping.signal);
      return {
        finished,
        stop: async () => {
          stopping.abort();
          await finished;
          const { tokens, failovers, lost, repeated } = stream.counts;
          logger.info("👋 client stopped", { tokens, failovers, lost, repeated });
          await fabric.close();
        },
      };
    },
  );
}
