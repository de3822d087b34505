import { createDirector } from "../api/director";
import { policiesOfModule } from "../balancing/policy-module";
import type { BalancingPolicy } from "../balancing/picker";
import { loadDirectorConfig } from "../config/roles";
import type { Environment } from "../config/setting";
import { loadModule } from "../api/load-module";
import { logging, runRole } from "./run-role";

/** A director until it is told to stop. Resolves to the exit code. */
export function runDirector(env: Environment): Promise<number> {
  return runRole(
    () => logging(loadDirectorConfig(env)),
    async (logger) => {
      const { balancer, balancerModule } = loadDirectorConfig(env);
      const policies = balancerModule === "" ? {} : await loadPolicies(balancerModule);
      // The module's policy is meant to be used; of several, HEDDLE_BALANCER says which.
      const own = Object.hasOwn(policies, balancer) ? balancer : Object.keys(policies)[0];
      const director = await createDirector({ env, logger, policies, ...(own ? { balancer: own } : {}) });
      await director.start();
      return { stop: () => director.stop() };
    },
  );
}

async function loadPolicies(file: string): Promise<Record<string, BalancingPolicy>> {
  return policiesOfModule(await loadModule(file, "HEDDLE_BALANCER_MODULE"), file);
}
