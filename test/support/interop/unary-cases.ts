import assert from "node:assert/strict";

import { Status, statusName } from "../../../src/core/status";
import { asBuffer } from "../../../src/wire/bytes";
import { interopContract } from "./contract";
import type { CallOutcome, InteropChannel } from "./interop-channel";
import type { InteropCases } from "./interop-case";
import { ORCA_TRAILER, zeros, type OrcaLoadReport, type SimpleRequest, type SimpleResponse } from "./messages";

const LARGE = { request: 271_828, response: 314_159 } as const;
const SOAK_ITERATIONS = 10;
const PICK_FIRST_CALLS = 100;

const UNICODE_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP \u{1F608}\t\n";

/** Cases of calls with one request and one answer, in the words of grpc's interop-test-descriptions.md. */
export const unaryCases: InteropCases = {
  async empty_unary({ client }) {
    assertOk(await client.unary("EmptyCall", {}));
  },

  async large_unary({ client }) {
    await largeUnary(client);
  },

  async special_status_message({ client }) {
    const { status } = await client.unary("UnaryCall", {
      responseStatus: { code: Status.UNKNOWN, message: UNICODE_MESSAGE },
    });
    assert.equal(status.code, Status.UNKNOWN);
    assert.equal(status.details, UNICODE_MESSAGE);
  },

  async unimplemented_method({ client }) {
    const { status } = await client.unary("UnimplementedCall", {});
    assert.equal(status.code, Status.UNIMPLEMENTED, status.details);
  },

  async unimplemented_service({ client }) {
    const { status } = await client.unimplementedService();
    assert.equal(status.code, Status.UNIMPLEMENTED, status.details);
  },

  async pick_first_unary({ client }) {
    const serverIds = new Set<string>();
    for (let call = 0; call < PICK_FIRST_CALLS; call += 1) {
      const outcome = await client.unary<SimpleResponse>("UnaryCall", {
        responseSize: 1,
        payload: zeros(1),
        fillServerId: true,
      });
      assertOk(outcome);
      serverIds.add(outcome.response?.serverId ?? "");
    }
    assert.equal(serverIds.size, 1, "all calls go to one server");
    assert.ok(!serverIds.has(""), "the server says who it is");
  },

  async rpc_soak({ client }) {
    for (let iteration = 0; iteration < SOAK_ITERATIONS; iteration += 1) await largeUnary(client);
  },

  async channel_soak(target) {
    for (let iteration = 0; iteration < SOAK_ITERATIONS; iteration += 1) {
      const client = target.open();
      await largeUnary(client);
      client.close();
    }
  },

  async orca_per_rpc({ client }) {
    const outcome = await client.unary("UnaryCall", {
      orcaPerQueryReport: {
        cpuUtilization: 0.821,
        memoryUtilization: 0.5847,
        requestCost: { cost: 3_456.32 },
        utilization: { util: 0.30499 },
      },
    });
    assertOk(outcome);
    const encoded = outcome.status.trailers.bytes(ORCA_TRAILER);
    assert.ok(encoded, `the trailers have ${ORCA_TRAILER}`);
    const { cpuUtilization, memUtilization, requestCost, utilization } = decodedReport(asBuffer(encoded));
    assert.deepEqual(
      { cpuUtilization, memUtilization, requestCost, utilization },
      {
        cpuUtilization: 0.821,
        memUtilization: 0.5847,
        requestCost: { cost: 3_456.32 },
        utilization: { util: 0.30499 },
      },
    );
  },
};

export async function largeUnary(client: InteropChannel, more: SimpleRequest = {}): Promise<void> {
  const outcome = await client.unary<SimpleResponse>("UnaryCall", {
    responseSize: LARGE.response,
    payload: zeros(LARGE.request),
    ...more,
  });
  assertOk(outcome);
  assert.equal(outcome.response?.payload?.body.length, LARGE.response);
}

export function assertOk({ status }: Pick<CallOutcome<unknown>, "status">): void {
  assert.equal(status.code, Status.OK, `${statusName(status.code)}: ${status.details}`);
}

function decodedReport(bytes: Buffer): OrcaLoadReport {
  const { StreamCoreMetrics } = interopContract().definition("xds.service.orca.v3.OpenRcaService");
  return StreamCoreMetrics!.responseDeserialize(bytes) as OrcaLoadReport;
}
