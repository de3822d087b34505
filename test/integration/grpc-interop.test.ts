import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createAttachment } from "../../src/api/attachment";
import { connect, type FabricClient } from "../../src/api/client";
import { createDirector, type Director } from "../../src/api/director";
import type { Worker } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { COMPRESSED_ANSWER_CASES, PROBED_REQUEST_CASES } from "../support/interop/cases";
import { interopContract, SERVED } from "../support/interop/contract";
import { GrpcJsServer } from "../support/interop/grpc-js-server";
import { INTEROP_STACKS } from "../support/interop/interop-stacks";
import type { InteropTarget } from "../support/interop/interop-target";
import { interopWorker } from "../support/interop/interop-worker";
import { eventually } from "../support/processes";

/** The part of `make conformance` that needs nothing but Node, in this process: plain text, through the director. */
describe.each(["a grpc-js server beside a side-car", "a worker of createWorker()"] as const)(
  "gRPC interop with %s",
  (kind) => {
    let folder: string;
    let director: Director;
    let worker: Worker;
    let server: GrpcJsServer | undefined;
    let control: FabricClient;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "heddle-interop-"));
      director = await createDirector({
        env: {},
        listenAddress: "127.0.0.1:0",
        dataDir: "memory",
        heartbeatIntervalMs: 200,
        logger: SILENT_LOGGER,
      });
      await director.start();
      if (kind.startsWith("a grpc-js")) {
        server = await GrpcJsServer.start();
        worker = await attached(server.address);
      } else {
        const options = { listenAddress: "127.0.0.1:0", directors: [director.address], logger: SILENT_LOGGER, env: {} };
        worker = interopWorker("interop", options);
      }
      await worker.start();
      control = connect({ directors: [director.address], mode: "proxy", env: {} });
      await eventually("the worker is ready", async () => (await members()).some(({ ready }) => ready));
    });

    afterAll(async () => {
      await control.close();
      await worker.stop({ graceMs: 0 });
      server?.close();
      await director.stop({ graceMs: 0 });
      await rm(folder, { recursive: true, force: true });
    });

    async function attached(address: string): Promise<Worker> {
      const descriptorsFile = join(folder, "interop.binpb");
      await writeFile(descriptorsFile, interopContract().descriptorSet);
      const env = { DIRECTOR_ADDR: director.address, WORKER_LABEL: "interop" };
      return await createAttachment({ address, services: SERVED, descriptorsFile }, { env, logger: SILENT_LOGGER });
    }

    async function members() {
      return (await control.director.listMembers({}, { timeoutMs: 2_000 })).members;
    }

    describe.each(Object.keys(INTEROP_STACKS) as (keyof typeof INTEROP_STACKS)[])("and the client %s", (name) => {
      const stack = INTEROP_STACKS[name];
      let target: InteropTarget;
      beforeAll(() => {
        target = stack.open({ address: director.address, caFile: undefined, isDirector: true });
      });
      afterAll(() => target.close());

      const tooMuch = kind.startsWith("a grpc-js")
        ? [...COMPRESSED_ANSWER_CASES, ...PROBED_REQUEST_CASES]
        : PROBED_REQUEST_CASES;
      const cases = Object.entries(stack.cases).filter(([testCase]) => !tooMuch.includes(testCase));
      it.each(cases)("%s", async (_name, run) => {
        await run(target);
      });
    });

    it("leaves no call in flight", async () => {
      await eventually("every slot is free again", async () =>
        (await members()).every(({ directorInFlight }) => directorInFlight === 0),
      );
    });
  },
);
