import assert from "node:assert/strict";

import type { InteropCases } from "./interop-case";
import { zeros, type StreamingInputCallRequest, type StreamingInputCallResponse } from "./messages";
import { assertOk, largeUnary } from "./unary-cases";

/**
 * Compressed requests, without the probe: no server here can tell its handler whether a message was compressed, so
 * none could refuse one that lies about it. For the same reason there is nothing to test in the other direction.
 */
export const compressedCases: InteropCases = {
  async client_compressed_unary_noprobe(target) {
    await largeUnary(target.open({ compression: "gzip" }));
    await largeUnary(target.open({ compression: "deflate" }));
    await largeUnary(target.client);
  },

  async client_compressed_streaming_noprobe(target) {
    const client = target.open({ compression: "gzip" });
    const call = client.open<StreamingInputCallRequest, StreamingInputCallResponse>("StreamingInputCall");
    await call.sendCompressed({ payload: zeros(27_182) }, true);
    await call.sendCompressed({ payload: zeros(45_904) }, false);
    call.halfClose();
    const answer = await call.next();
    assertOk({ status: await call.status });
    assert.deepEqual(answer, { aggregatedPayloadSize: 73_086 });
  },
};
