import assert from "node:assert/strict";

import { Status, statusName } from "../../../src/core/status";
import type { InteropTarget } from "../interop/interop-target";
import { zeros } from "../interop/messages";
import { largeUnary } from "../interop/unary-cases";
import { eventually } from "../processes";
import type { NegativeCaseName } from "./behaviours";
import type { NegativeServer } from "./negative-server";

/** What a client does and must see, and what the server must have seen. */
export type NegativeCase = (target: InteropTarget, server: NegativeServer) => Promise<void>;

/**
 * Ours: a call that has not run is made again, by the fabric and not by its connections. A client that takes the server for a director
 * does that too.
 */
export const RETRIED_CASES: readonly NegativeCaseName[] = ["goaway_unprocessed", "refused_stream"];

const CONCURRENT_CALLS = 10;

export const NEGATIVE_CASES: Readonly<Record<NegativeCaseName, NegativeCase>> = {
  async goaway(target, server) {
    await largeUnary(target.client);
    await largeUnary(target.client);
    assert.equal(server.connectionsOfCalls, 2, "the second call takes another connection");
    assertKept(server);
  },
  goaway_unprocessed: assertSentAgain,
  refused_stream: assertSentAgain,
  rst_after_header: assertFails,
  rst_during_data: assertFails,
  rst_after_data: assertFails,
  async ping(target, server) {
    await largeUnary(target.client);
    await eventually("every PING is acknowledged", () => server.outstandingPings === 0);
    assertKept(server);
  },
  async max_streams(target, server) {
    await largeUnary(target.client);
    await Promise.all(Array.from({ length: CONCURRENT_CALLS }, () => largeUnary(target.client)));
    assertKept(server);
  },
  data_frame_padding: assertFlows,
  no_df_padding_sanity_test: assertFlows,
};

/** With which status is left to the client, as in the description: whatever it is, the answer that came is none. */
async function assertFails(target: InteropTarget, server: NegativeServer): Promise<void> {
  const { response, status } = await target.client.unary("UnaryCall", {
    responseSize: 314_159,
    payload: zeros(271_828),
  });
  assert.equal(response, undefined, "there is no answer");
  assert.notEqual(status.code, Status.OK, "the call fails");
  assertKept(server);
}

/** Small, since nobody keeps a large request for another attempt. */
async function assertSentAgain(target: InteropTarget, server: NegativeServer): Promise<void> {
  const { status } = await target.client.unary("UnaryCall", { responseSize: 1_000, payload: zeros(1_000) });
  assert.equal(status.code, Status.OK, `${statusName(status.code)}: ${status.details}`);
  assertKept(server);
}

/** Several, because what is not given back of a connection's window is missing only in the long run. */
async function assertFlows(target: InteropTarget, server: NegativeServer): Promise<void> {
  for (let call = 0; call < 10; call += 1) await largeUnary(target.client);
  assertKept(server);
}

function assertKept(server: NegativeServer): void {
  assert.deepEqual(server.violations, []);
}
