import type { FabricError } from "../../src/core/errors";
import { whenReady, WAYS } from "./grpc-fixtures";
import { TestTls } from "../support/test-tls";
import { aborted, all, ask, EchoRig, Gate, say } from "./echo-rig";

const tls = new TestTls();
beforeAll(() => tls.make());
afterAll(() => tls.remove());

const codeOf = (failed: Promise<unknown>) =>
  failed.then(
    () => "OK",
    (error: FabricError) => error.code,
  );

/** What ends a whole server or connection; each test has its own. */
describe.each(WAYS)("Typed calls and the end of their server, $client to $server, $path, $security", (way) => {
  let echo: EchoRig;
  beforeEach(async () => {
    echo = new EchoRig(way, tls);
    await echo.open();
  });
  afterEach(() => echo.close());

  it("that run while the server drains go on to their end, and the drain waits for them", async () => {
    const [began, go, order] = [new Gate(), new Gate(), [] as string[]];
    echo.serve({
      bidi: async function* (requests) {
        yield say("first");
        began.open();
        await go.opened;
        const { length } = await all(requests);
        order.push("served");
        yield say(String(length));
      },
    });
    const halfClose = new Gate();
    const questions = async function* () {
      yield ask("x");
      await halfClose.opened;
      yield ask("y");
    };
    const answers = all(echo.client.bidi(questions()));
    await began.opened;
    const notReady = whenReady(echo.wire.link, false);
    const drained = echo.wire.server.drain().then(() => order.push("drained"));
    await notReady;
    halfClose.open();
    go.open();
    expect((await answers).map(({ workerLabel }) => workerLabel)).toEqual(["first", "2"]);
    await drained;
    expect(order).toEqual(["served", "drained"]);
  });

  it("that run when the server is killed are lost, each once, and handlers know", async () => {
    const began = [new Gate(), new Gate()];
    const stopped = new Gate();
    echo.serve({
      unary: async (_request, { signal }) => {
        began[0]!.open();
        await aborted(signal);
        stopped.open();
        return {};
      },
      serverStream: async function* (_request, { signal }) {
        yield say("first");
        began[1]!.open();
        await aborted(signal);
      },
    });
    const seen: string[] = [];
    const read = async () => {
      for await (const { workerLabel } of echo.client.serverStream(ask("x"))) seen.push(workerLabel);
    };
    const ends = [codeOf(echo.client.unary(ask("x"))), codeOf(read())];
    await Promise.all(began.map(({ opened }) => opened));
    echo.wire.server.close();
    expect(await Promise.all(ends)).toEqual(["WORKER_LOST", "WORKER_LOST"]);
    await stopped.opened;
  });

  it("are served again once the server is back, on the same client", async () => {
    echo.serve({ unary: ({ task }) => say(task) });
    expect((await echo.client.unary(ask("before"))).workerLabel).toBe("before");
    const notReady = whenReady(echo.wire.link, false);
    echo.wire.server.close();
    await notReady;
    await echo.serveAgain();
    await whenReady(echo.wire.link);
    expect((await echo.client.unary(ask("after"))).workerLabel).toBe("after");
  });

  it("that run when their client's connection is closed end at both sides", async () => {
    const [began, stopped] = [new Gate(), new Gate()];
    echo.serve({
      clientStream: async (_requests, { signal }) => {
        began.open();
        await aborted(signal);
        stopped.open();
        return {};
      },
    });
    const unending = async function* () {
      yield ask("x");
      await stopped.opened;
    };
    const end = codeOf(echo.client.clientStream(unending()));
    await began.opened;
    echo.connection.close();
    expect(await end).toBe("WORKER_LOST");
    await stopped.opened;
    await echo.whenAtRest();
  });
});
