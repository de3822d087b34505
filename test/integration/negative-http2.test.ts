import { INTEROP_STACKS } from "../support/interop/interop-stacks";
import { BEHAVIOURS, type NegativeCaseName } from "../support/negative-http2/behaviours";
import { NEGATIVE_CASES } from "../support/negative-http2/negative-cases";
import { NegativeServer } from "../support/negative-http2/negative-server";

/** The cases of grpc's negative-http2-interop-test-descriptions.md, and those of its server for padded frames. */
describe.each(["heddle", "heddle-js"] as const)("The client %s bears a server that tries it", (name) => {
  it.each(Object.keys(BEHAVIOURS) as NegativeCaseName[])("%s", async (testCase) => {
    const server = await NegativeServer.start(testCase);
    const target = INTEROP_STACKS[name].open({ address: server.address, caFile: undefined, isDirector: false });
    try {
      await NEGATIVE_CASES[testCase](target, server);
    } finally {
      target.close();
      server.close();
    }
  });
});
