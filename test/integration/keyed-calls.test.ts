import { connect } from "../../src/api/client";
import { createDirector } from "../../src/api/director";
import { createWorker, service } from "../../src/api/worker";
import type { FabricError } from "../../src/core/errors";
import { SILENT_LOGGER } from "../../src/core/logger";
import { freeAddress } from "../support/processes";
import { TcpProxy } from "../support/tcp-proxy";
import { ask, ECHO, type EchoHandlers, say } from "./echo-rig";

const QUIET = { env: {}, logger: SILENT_LOGGER };

/** A worker behind a proxy that the test can cut, a director, and a client. */
async function open(mode: "direct" | "proxy") {
  const director = await createDirector({ ...QUIET, listenAddress: "127.0.0.1:0", dataDir: "memory" });
  await director.start();
  const listenAddress = await freeAddress();
  const proxy = await TcpProxy.listen({ host: "127.0.0.1", port: Number(listenAddress.split(":")[1]) });
  const served: { unary: EchoHandlers["unary"] } = { unary: () => say("") };
  const worker = createWorker({
    ...QUIET,
    label: "w1",
    listenAddress,
    advertiseAddress: proxy.address,
    directors: [director.address],
    services: [
      service(ECHO, {
        unary: (request, context) => served.unary(request, context),
        clientStream: () => say(""),
        serverStream: async function* () {},
        bidi: async function* () {},
      }),
    ],
  });
  const attached = worker.whenAttached();
  await worker.start();
  await attached;
  const client = connect({ ...QUIET, directors: [director.address], mode, reconnectMaxMs: 100 });
  await client.whenReady(ECHO.fullName);
  const close = async () => {
    await client.close();
    await worker.stop({ graceMs: 100 });
    await director.stop({ graceMs: 100 });
    await proxy.close();
  };
  return { served, proxy, client, echo: client.client(ECHO), close };
}

describe.each(["direct", "proxy"] as const)("Calls on real sockets, %s", (mode) => {
  let rig: Awaited<ReturnType<typeof open>>;
  beforeEach(async () => {
    rig = await open(mode);
  });
  afterEach(() => rig.close());

  it("a caller that asks is told that its call was taken, while the handler runs, and the handler's own headers come after", async () => {
    const order: string[] = [];
    let letGo = () => {};
    rig.served.unary = async (_request, context) => {
      await new Promise<void>((resolve) => (letGo = resolve));
      context.headers.set("x-own", "1");
      return say("done");
    };
    const answer = await rig.echo.unary(ask("a"), {
      onAccepted: ({ memberId }) => {
        order.push(`accepted by ${memberId}`);
        letGo();
      },
      onHeaders: (headers) => void order.push(`x-own ${headers.text("x-own")}`),
    });
    expect([answer.workerLabel, order]).toEqual(["done", ["accepted by w1", "x-own 1"]]);
  });

  it("a call without a key whose connection breaks runs once, and its error says that it ran", async () => {
    let runs = 0;
    rig.served.unary = async () => {
      runs += 1;
      await new Promise(() => {});
      return say("");
    };
    const call = rig.echo.unary(ask("a"), { onAccepted: () => rig.proxy.cut() });
    const error = await call.then(
      () => undefined,
      (failure: FabricError) => failure,
    );
    expect([error?.code, error?.accepted, error?.executed, runs]).toEqual(["WORKER_LOST", true, "yes", 1]);
    expect(error?.message).toContain("worker w1");
  });

  it("a call with a key whose connection breaks is tried again on the same worker, and runs once", async () => {
    let runs = 0;
    let letGo = () => {};
    rig.served.unary = async () => {
      runs += 1;
      await new Promise<void>((resolve) => (letGo = resolve));
      return say(`run ${runs}`);
    };
    let accepted = 0;
    const trailers: (string | undefined)[] = [];
    const options = {
      idempotencyKey: "order 17",
      onAccepted: () => {
        accepted += 1;
        if (accepted > 1) return;
        rig.proxy.cut();
        letGo();
      },
      onTrailers: (each: { text(key: string): string | undefined }) => {
        trailers.push(each.text("heddle-repeated"));
      },
    };
    const answer = await rig.echo.unary(ask("a"), options);
    expect([answer.workerLabel, runs, trailers[0]]).toEqual(["run 1", 1, "1"]);
    const again = await rig.echo.unary(ask("a"), { idempotencyKey: "order 17" });
    expect([again.workerLabel, runs]).toEqual(["run 1", 1]);
    const reused = await rig.echo.unary(ask("b"), { idempotencyKey: "order 17" }).catch((e: FabricError) => e.code);
    expect([reused, runs]).toEqual(["KEY_REUSED", 1]);
  });

  it("a stream with a key is refused before anything is sent", async () => {
    const stream = rig.echo.serverStream(ask("a"), { idempotencyKey: "k" });
    const error = await stream[Symbol.asyncIterator]()
      .next()
      .catch((failure: FabricError) => failure);
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", executed: "no" });
  });

  it("more calls with keys on one connection than it bears of empty frames are no flood", async () => {
    rig.served.unary = () => say("");
    const calls = Array.from({ length: 1_200 }, (_, number) =>
      rig.echo.unary(ask("a"), { idempotencyKey: `k${number}` }),
    );
    expect(await Promise.all(calls)).toHaveLength(1_200);
  });
});
