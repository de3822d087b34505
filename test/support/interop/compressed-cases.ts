import assert from "node:assert/strict";

import { Status } from "../../../src/core/status";
import type { InteropCases } from "./interop-case";
import {
  zeros,
  type StreamingInputCallRequest,
  type StreamingInputCallResponse,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
} from "./messages";
import { assertOk, largeUnary } from "./unary-cases";

/**
 * Compressed requests, without the probe for most servers: they do not tell their handlers whether a message was compressed, so that
 * they could not refuse one that lies about it. Nor do clients here tell their callers whether an answer was, so that of compressed
 * answers only what is in them is asked.
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

  async client_compressed_unary(target) {
    const lie = await target.client.unary("UnaryCall", { expectCompressed: { value: true }, payload: zeros(27_182) });
    assert.equal(lie.status.code, Status.INVALID_ARGUMENT, lie.status.details);
    await largeUnary(target.open({ compression: "gzip" }), { expectCompressed: { value: true } });
    await largeUnary(target.client, { expectCompressed: { value: false } });
  },

  async client_compressed_streaming(target) {
    const client = target.open({ compression: "gzip" });
    const lie = client.open<StreamingInputCallRequest, StreamingInputCallResponse>("StreamingInputCall");
    await lie.sendCompressed({ expectCompressed: { value: true }, payload: zeros(27_182) }, false);
    lie.halfClose();
    assert.equal((await lie.status).code, Status.INVALID_ARGUMENT);

    const call = client.open<StreamingInputCallRequest, StreamingInputCallResponse>("StreamingInputCall");
    await call.sendCompressed({ expectCompressed: { value: true }, payload: zeros(27_182) }, true);
    await call.sendCompressed({ expectCompressed: { value: false }, payload: zeros(45_904) }, false);
    call.halfClose();
    const answer = await call.next();
    assertOk({ status: await call.status });
    assert.deepEqual(answer, { aggregatedPayloadSize: 73_086 });
  },

  async server_compressed_unary({ client }) {
    await largeUnary(client, { responseCompressed: { value: true } });
    await largeUnary(client, { responseCompressed: { value: false } });
  },

  async server_compressed_streaming({ client }) {
    const call = client.open<StreamingOutputCallRequest, StreamingOutputCallResponse>("StreamingOutputCall");
    const wanted = [
      { size: 31_415, compressed: { value: true } },
      { size: 92_653, compressed: { value: false } },
    ];
    call.send({ responseParameters: wanted });
    call.halfClose();
    for (const { size } of wanted) assert.equal((await call.next())?.payload?.body.length, size);
    assert.equal(await call.next(), undefined, "nothing follows");
    assertOk({ status: await call.status });
  },
};
