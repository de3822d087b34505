import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createAttachment } from "../../src/api/attachment";
import { connect, type FabricClient } from "../../src/api/client";
import { createDirector, type Director } from "../../src/api/director";
import { SILENT_LOGGER } from "../../src/core/logger";
import { interopContract } from "../support/interop/contract";
import { INTEROP_STACKS } from "../support/interop/interop-stacks";
import { BEHAVIOURS, type NegativeCaseName } from "../support/negative-http2/behaviours";
import { NEGATIVE_CASES, RETRIED_CASES } from "../support/negative-http2/negative-cases";
import { NegativeServer } from "../support/negative-http2/negative-server";
import { eventually } from "../support/processes";

/** Also after a test that hangs. */
const opened: { close(): void | Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

const NAMES = Object.keys(BEHAVIOURS) as NegativeCaseName[];

/** The cases of grpc's negative-http2-interop-test-descriptions.md, two about padded frames, and two of our own about calls that have not run. */
describe.each(["heddle", "heddle-js"] as const)("The client %s bears a server that tries it", (name) => {
  it.each(NAMES)("%s", async (testCase) => {
    const server = await NegativeServer.start(testCase);
    const isDirector = RETRIED_CASES.includes(testCase);
    const target = INTEROP_STACKS[name].open({ address: server.address, caFile: undefined, isDirector });
    opened.push(server, target);
    await NEGATIVE_CASES[testCase](target, server);
  });
});

describe("A director bears a worker that tries it", () => {
  let folder: string;
  let descriptorsFile: string;
  let director: Director;
  let control: FabricClient;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "heddle-negative-"));
    descriptorsFile = join(folder, "interop.binpb");
    await writeFile(descriptorsFile, interopContract().descriptorSet);
    director = await createDirector({
      env: {},
      listenAddress: "127.0.0.1:0",
      dataDir: "memory",
      heartbeatIntervalMs: 200,
      logger: SILENT_LOGGER,
    });
    await director.start();
    control = connect({ directors: [director.address], mode: "proxy", env: {} });
  });

  afterAll(async () => {
    await control.close();
    await director.stop({ graceMs: 0 });
    await rm(folder, { recursive: true, force: true });
  });

  it.each(NAMES)("%s", async (testCase) => {
    const server = await NegativeServer.start(testCase);
    const services = ["grpc.testing.TestService"];
    const env = { DIRECTOR_ADDR: director.address, WORKER_LABEL: testCase };
    const worker = await createAttachment(
      { address: server.address, services, descriptorsFile },
      { env, logger: SILENT_LOGGER },
    );
    const target = INTEROP_STACKS.heddle.open({ address: director.address, caFile: undefined, isDirector: true });
    opened.push(server, { close: () => worker.stop({ graceMs: 0 }) }, target);
    await worker.start();
    await eventually("the worker is ready", async () => {
      const { members } = await control.director.listMembers({}, { timeoutMs: 2_000 });
      return members.some(({ ready, label }) => ready && label === testCase);
    });
    await NEGATIVE_CASES[testCase](target, server);
  });
});
