import { attackServer } from "../../support/rpc-fuzz/hostile-client";
import { attackClient } from "../../support/rpc-fuzz/hostile-server";

/** `make fuzz-rpc` goes on from here. */
const SEEDS = 40;

const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);

describe("gRPC over HTTP/2 from a peer that keeps to HTTP/2 alone", () => {
  it("as a client: every call ends once, those beside it as they should, and nothing is held or open afterwards", async () => {
    for (const seed of seeds) await named(seed, attackServer(seed));
  });

  it("as a server: every call ends once, those beside it as they should, and nothing is held or open afterwards", async () => {
    for (const seed of seeds) await named(seed, attackClient(seed));
  });
});

async function named(seed: number, round: Promise<void>): Promise<void> {
  try {
    await round;
  } catch (error) {
    throw new Error(`make fuzz-rpc SEED=${seed}`, { cause: error });
  }
}
