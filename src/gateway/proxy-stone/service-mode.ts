import type { FastifyInstance, FastifyReply } from "fastify";

import { FabricError } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { intentKindFromWire } from "../../wire/member-codec";
import type { GatewayParts } from "../gateway-parts";
import { errorAnswer } from "../guard/error-answer";

/** What the callers of Proxy Stone look at, in lower case. */
const MODE_HEADER = "x-service-mode";
/** Nobody knows how long a maintenance takes; a caller that asks twice a minute disturbs nobody. */
const RETRY_AFTER_SECONDS = 30;
const ASK_TIMEOUT_MS = 5_000;

/**
 * S-03: a call over HTTP for a node in maintenance is answered with 503, `Retry-After` and `X-Service-Mode` at once, and so is every call for
 * a worker while the director that answers is in maintenance.
 */
export function tellServiceMode(app: FastifyInstance, { director }: Pick<GatewayParts, "director">): void {
  app.addHook("preHandler", async (request, reply) => {
    const memberId = request.headers[HEDDLE_KEYS.worker];
    if (typeof memberId !== "string" || memberId === "") return;
    const mode = await modeOf(director, memberId);
    if (mode === undefined) return;
    return sayMode(reply, mode)
      .code(503)
      .send({ ...errorAnswer(503, `${memberId} is in ${mode}`), heddleError: "NO_READY_WORKER" });
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (reply.statusCode === 503 && isMaintenance(reply)) void sayMode(reply, "maintenance");
    done(null, payload);
  });
}

function isMaintenance(reply: FastifyReply): boolean {
  const code = reply.getHeader(HEDDLE_KEYS.error) ?? reply.getHeader(`trailer-${HEDDLE_KEYS.error}`);
  return code === "DIRECTOR_IN_MAINTENANCE";
}

function sayMode(reply: FastifyReply, mode: string): FastifyReply {
  return reply.header("retry-after", RETRY_AFTER_SECONDS).header(MODE_HEADER, mode);
}

/** `undefined`: it takes calls, or what keeps it from them is not an operator's wish. */
async function modeOf(director: GatewayParts["director"], memberId: string): Promise<string | undefined> {
  try {
    const { member } = await director.getMember({ memberId }, { timeoutMs: ASK_TIMEOUT_MS });
    const kind = intentKindFromWire(member?.intent?.kind ?? 0);
    return kind === "maintenance" || kind === "draining" ? kind : undefined;
  } catch (error) {
    if (error instanceof FabricError) return undefined; // the call itself says what is wrong
    throw error;
  }
}
