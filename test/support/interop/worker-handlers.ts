import { setTimeout as pause } from "node:timers/promises";

import type { CallContext } from "../../../src/api/worker";
import { CallError, Status } from "../../../src/api/worker";
import { OrcaReports, encodedReport } from "./orca-reports";
import {
  ECHO_INITIAL,
  ECHO_TRAILING,
  ORCA_TRAILER,
  zeros,
  type EchoStatus,
  type OrcaLoadReportRequest,
  type SimpleRequest,
  type SimpleResponse,
  type StreamingInputCallRequest,
  type StreamingInputCallResponse,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
} from "./messages";
import { DETAILS_TRAILER, statusDetails } from "./status-details";

/** The server of the interop tests as a user of the library would write it: handlers for `createWorker`. */
export function workerHandlers(serverId: string) {
  const reports = new OrcaReports();

  async function* answers(
    { responseParameters = [] }: StreamingOutputCallRequest,
    context: CallContext,
  ): AsyncGenerator<StreamingOutputCallResponse> {
    let isCompressed = false;
    if (responseParameters.some(({ compressed }) => compressed?.value)) {
      context.compress({ encoding: "gzip", compresses: () => isCompressed });
    }
    for (const { size, intervalUs = 0, compressed } of responseParameters) {
      if (intervalUs > 0) await pause(intervalUs / 1_000);
      isCompressed = compressed?.value ?? false;
      yield { payload: zeros(size) };
    }
  }

  return {
    emptyCall: () => ({}),

    unaryCall(request: SimpleRequest, context: CallContext): SimpleResponse {
      if (request.responseCompressed?.value) context.compress("gzip");
      echoMetadata(context);
      const { responseStatus } = request;
      if (responseStatus?.code) context.trailers.set(DETAILS_TRAILER, statusDetails(responseStatus));
      endAsAsked(responseStatus);
      if (request.orcaPerQueryReport) context.trailers.set(ORCA_TRAILER, encodedReport(request.orcaPerQueryReport));
      return { payload: zeros(request.responseSize ?? 0), ...(request.fillServerId ? { serverId } : {}) };
    },

    streamingOutputCall: answers,

    async streamingInputCall(requests: AsyncIterable<StreamingInputCallRequest>): Promise<StreamingInputCallResponse> {
      let aggregatedPayloadSize = 0;
      for await (const { payload } of requests) aggregatedPayloadSize += payload?.body.length ?? 0;
      return { aggregatedPayloadSize };
    },

    async *fullDuplexCall(requests: AsyncIterable<StreamingOutputCallRequest>, context: CallContext) {
      echoMetadata(context);
      for await (const request of requests) {
        endAsAsked(request.responseStatus);
        if (request.orcaOobReport) reports.set(request.orcaOobReport);
        yield* answers(request, context);
      }
    },

    async *halfDuplexCall(requests: AsyncIterable<StreamingOutputCallRequest>, context: CallContext) {
      const all: StreamingOutputCallRequest[] = [];
      for await (const request of requests) all.push(request);
      for (const request of all) yield* answers(request, context);
    },

    streamCoreMetrics: (request: OrcaLoadReportRequest, { signal }: CallContext) => reports.stream(request, signal),

    cacheableUnaryCall: unimplemented,
    unimplementedCall: unimplemented,
  };
}

/** A worker serves every method of its contract, so the one that no server has must say so itself. */
function unimplemented(): never {
  throw new CallError(Status.UNIMPLEMENTED, "the interop tests have a method that no server implements");
}

function endAsAsked(status: EchoStatus | null | undefined): void {
  if (status && status.code !== 0) throw new CallError(status.code as Status, status.message);
}

function echoMetadata({ metadata, headers, trailers, sendHeaders }: CallContext): void {
  const initial = metadata.text(ECHO_INITIAL);
  const trailing = metadata.bytes(ECHO_TRAILING);
  if (trailing !== undefined) trailers.set(ECHO_TRAILING, trailing);
  if (initial === undefined) return;
  headers.set(ECHO_INITIAL, initial);
  sendHeaders();
}
