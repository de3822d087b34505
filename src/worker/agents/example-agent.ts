import type { Logger } from "../../core/logger";
import type { AgentHandler } from "./agent-handler";

/** What `heddle worker` does with an agent: it says so, and lets those who try placement see it fail (`fail=true`). */
export function exampleAgent(logger: Logger): AgentHandler {
  return ({ name, parameters, generation }) => {
    if (Object.hasOwn(parameters, "fail")) throw new Error(`the parameter fail is ${parameters["fail"]}`);
    logger.info(`🧩 agent ${name} begins`, { generation, ...parameters });
    return () => logger.info(`🧩 agent ${name} ends`, { generation });
  };
}
