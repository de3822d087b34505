import { createPolicyRegistry } from "../../../src/balancing/policy-registry";
import { FabricClient } from "../../../src/client/fabric-client";
import type { ClientInterceptor } from "../../../src/rpc/service/client-interceptors";
import { messageOf } from "../../../src/core/errors";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { ComputeServiceDefinition } from "../../../src/wire/contract";
import { ManualClock, settle } from "../../../src/testing/manual-clock";
import { StubConnection } from "../../support/stub-connection";

/** Says in the metadata that it was there. */
const adding =
  (name: string): ClientInterceptor =>
  (call, next) => {
    call.metadata.append("x-by", name);
    return next(call);
  };

/** Those that the test made: a client in proxy mode also asks who the directors are. */
const callsOf = ({ calls }: StubConnection) => calls.filter(({ start }) => !start.path.endsWith("/WatchEndpoints"));

describe("A client of a fabric", () => {
  let clock: ManualClock;
  let director: StubConnection;
  let client: FabricClient;

  beforeEach(async () => {
    clock = new ManualClock();
    director = new StubConnection("d:1");
    client = new FabricClient({
      clock,
      random: seededRandom(1),
      logger: SILENT_LOGGER,
      registry: createPolicyRegistry({}),
      config: {
        directors: ["d:1"],
        mode: "proxy",
        balancer: "",
        attemptsMax: 3,
        resumeWindowMs: 30_000,
        callTimeoutMs: 30_000,
        reconnectMaxMs: 1_000,
        retryBufferBytes: 1_000,
      },
      connect: () => director,
      interceptors: [adding("client")],
      newId: () => "id",
    });
    await settle();
  });
  afterEach(() => client.close());

  const execute = (options = {}) => {
    const answer = client.client(ComputeServiceDefinition).execute({ task: "echo" }, options);
    const seen: { error?: unknown } = {};
    answer.catch((error: unknown) => (seen.error = error));
    return seen;
  };

  it("passes on how a call's requests are to be compressed", async () => {
    execute({ compression: "gzip" });
    const compresses = () => true;
    execute({ compression: { encoding: "deflate", compresses } });
    execute();
    await settle();
    const asked = callsOf(director).map(({ start }) => start.compression);
    expect(asked).toEqual([{ encoding: "gzip" }, { encoding: "deflate", compresses }, undefined]);
  });

  it("has its interceptors around those of a typed client", async () => {
    const options = { interceptors: [adding("typed")] };
    const answers = [
      client.client(ComputeServiceDefinition, options).execute({ task: "echo" }),
      client.director.listMembers({}),
    ];
    for (const answer of answers) answer.catch(() => {});
    await settle();
    const by = callsOf(director).map(({ start }) => start.metadata.entries().map(([, value]) => value));
    expect(by).toEqual([["client", "typed"], ["client"]]);
  });

  it("names the method that took too long, whichever director had the call", async () => {
    const seen = execute({ timeoutMs: 500 });
    await settle();
    await clock.advance(500);
    expect(seen.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(messageOf(seen.error)).toContain("heddle.compute.v1.ComputeService/Execute took too long");
  });

  describe("while no director answers", () => {
    beforeEach(async () => {
      director.setReady(false);
      await settle();
    });

    it.each([
      ["waits five seconds", {}, 5_000, "DIRECTOR_UNREACHABLE"],
      ["waits its time, if it waits for ready", { waitForReady: true, timeoutMs: 20_000 }, 20_000, "DEADLINE_EXCEEDED"],
    ])("a call %s", async (_how, options, waitMs, code) => {
      const seen = execute(options);
      await clock.advance(waitMs - 1);
      expect(seen.error).toBeUndefined();
      await clock.advance(1);
      expect(seen.error).toMatchObject({ code });
    });

    it("a call that waits for nobody fails at once", async () => {
      const seen = execute({ waitForReady: false });
      await settle();
      expect(seen.error).toMatchObject({ code: "DIRECTOR_UNREACHABLE" });
    });
  });
});
