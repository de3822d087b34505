import fastify from "fastify";

import { SILENT_LOGGER } from "../../../../src/core/logger";
import { dashboardRoutes } from "../../../../src/gateway/dashboard/dashboard-routes";
import { ManualClock, settle } from "../../../../src/testing/manual-clock";

/** Says nothing until its reader stops it. */
async function* silence(signal: AbortSignal): AsyncGenerator<never> {
  yield* await new Promise<never[]>((resolve) => signal.addEventListener("abort", () => resolve([]), { once: true }));
}

/** This director, "d1", and another one, "d2", to which connections are counted. */
function setUp() {
  const clock = new ManualClock();
  const connections = { opened: 0, closed: 0 };
  const parts = {
    clock,
    logger: SILENT_LOGGER,
    config: { directorId: "d1", clusterName: "c" },
    agents: {},
    director: {
      getTopology: () => Promise.resolve({ directors: [{ directorId: "d2", address: "192.0.2.1:1" }] }),
      watchCalls: (_request: unknown, { signal }: { signal: AbortSignal }) => silence(signal),
    },
    connectDirector: () => {
      connections.opened += 1;
      return { start: () => ({ cancel: () => {} }), close: () => (connections.closed += 1) };
    },
  } as unknown as Parameters<typeof dashboardRoutes>[0];
  const app = fastify();
  void app.register(dashboardRoutes(parts));
  return { clock, connections, app };
}

describe("The dashboard's streams", () => {
  it.each([["calls"], ["feed"]])("keep no connection for a reader of %s who is refused", async (stream) => {
    const { clock, connections, app } = setUp();
    const open = () => app.inject({ url: "/dashboard/calls", payloadAsStream: true });
    const opened = await Promise.all(Array.from({ length: 200 }, open));
    expect(new Set(opened.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    const refused = await app.inject(`/dashboard/${stream}?director=d2`);
    expect(refused.statusCode).toBe(503);
    await clock.advance(20_000);
    await settle();
    expect(connections).toEqual({ opened: 1, closed: 1 });
    await app.close();
  });
});
