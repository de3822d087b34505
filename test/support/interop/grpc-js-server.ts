import { setTimeout as pause } from "node:timers/promises";

import type { status as Status } from "@grpc/grpc-js";
import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";

import { interopContract } from "./contract";
import { encodedReport, OrcaReports } from "./orca-reports";
import {
  ECHO_INITIAL,
  ECHO_TRAILING,
  ORCA_TRAILER,
  zeros,
  type EchoStatus,
  type OrcaLoadReport,
  type OrcaLoadReportRequest,
  type SimpleRequest,
  type SimpleResponse,
  type StreamingInputCallRequest,
  type StreamingInputCallResponse,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
} from "./messages";
import { DETAILS_TRAILER, statusDetails } from "./status-details";

type OutputStream = { write(response: StreamingOutputCallResponse): boolean };

/** The server of the interop tests on plain grpc-js: the second stack beside grpc-go's own. */
export class GrpcJsServer {
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
  }

  /** @param credentials default: plain text */
  static async start(credentials = ServerCredentials.createInsecure()): Promise<GrpcJsServer> {
    const server = new Server();
    const contract = interopContract();
    const reports = new OrcaReports();
    server.addService(contract.definition("grpc.testing.TestService"), testService(reports));
    server.addService(contract.definition("xds.service.orca.v3.OpenRcaService"), orcaService(reports));
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    return new GrpcJsServer(server, port);
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

/** `unimplementedCall` and `cacheableUnaryCall` are left out: grpc-js answers those by itself. */
function testService(reports: OrcaReports) {
  const serverId = `grpc-js-${process.pid}`;
  return {
    emptyCall(_call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) {
      done(null, {});
    },

    unaryCall(call: ServerUnaryCall<SimpleRequest, SimpleResponse>, done: sendUnaryData<SimpleResponse>) {
      const { responseStatus, responseSize = 0, fillServerId, orcaPerQueryReport } = call.request;
      const trailers = echoMetadata(call);
      if (orcaPerQueryReport) trailers.set(ORCA_TRAILER, encodedReport(orcaPerQueryReport));
      const failure = failureOf(responseStatus);
      if (responseStatus && failure) trailers.set(DETAILS_TRAILER, statusDetails(responseStatus));
      if (failure) done(failure, null, trailers);
      else done(null, { payload: zeros(responseSize), ...(fillServerId ? { serverId } : {}) }, trailers);
    },

    streamingOutputCall(call: ServerWritableStream<StreamingOutputCallRequest, StreamingOutputCallResponse>) {
      void answer(call, call.request).then(() => call.end());
    },

    streamingInputCall(
      call: ServerReadableStream<StreamingInputCallRequest, StreamingInputCallResponse>,
      done: sendUnaryData<StreamingInputCallResponse>,
    ) {
      let aggregatedPayloadSize = 0;
      call.on("data", ({ payload }: StreamingInputCallRequest) => {
        aggregatedPayloadSize += payload?.body.length ?? 0;
      });
      call.on("end", () => done(null, { aggregatedPayloadSize }));
    },

    fullDuplexCall(call: ServerDuplexStream<StreamingOutputCallRequest, StreamingOutputCallResponse>) {
      const trailers = echoMetadata(call);
      let answered = Promise.resolve();
      call.on("data", (request: StreamingOutputCallRequest) => {
        const failure = failureOf(request.responseStatus);
        if (request.orcaOobReport) reports.set(request.orcaOobReport);
        answered = answered.then(() => {
          if (!failure) return answer(call, request);
          call.emit("error", { ...failure, metadata: trailers });
          return undefined;
        });
      });
      call.on("end", () => void answered.then(() => call.end(trailers)));
    },

    halfDuplexCall(call: ServerDuplexStream<StreamingOutputCallRequest, StreamingOutputCallResponse>) {
      const requests: StreamingOutputCallRequest[] = [];
      call.on("data", (request: StreamingOutputCallRequest) => requests.push(request));
      call.on("end", () => {
        let answered = Promise.resolve();
        for (const request of requests) answered = answered.then(() => answer(call, request));
        void answered.then(() => call.end());
      });
    },
  };
}

function orcaService(reports: OrcaReports) {
  return {
    streamCoreMetrics(call: ServerWritableStream<OrcaLoadReportRequest, OrcaLoadReport>) {
      const over = new AbortController();
      call.on("cancelled", () => over.abort());
      void (async () => {
        for await (const report of reports.stream(call.request, over.signal)) call.write(report);
        call.end();
      })();
    },
  };
}

async function answer(stream: OutputStream, { responseParameters = [] }: StreamingOutputCallRequest): Promise<void> {
  for (const { size, intervalUs = 0 } of responseParameters) {
    if (intervalUs > 0) await pause(intervalUs / 1_000);
    stream.write({ payload: zeros(size) });
  }
}

function failureOf(status: EchoStatus | null | undefined): { code: Status; details: string } | undefined {
  return status && status.code !== 0 ? { code: status.code, details: status.message } : undefined;
}

/** Sends the headers that are to be echoed; returns the trailers. */
function echoMetadata(call: { metadata: Metadata; sendMetadata(metadata: Metadata): void }): Metadata {
  const [headers, trailers] = [new Metadata(), new Metadata()];
  for (const value of call.metadata.get(ECHO_TRAILING)) trailers.add(ECHO_TRAILING, value);
  for (const value of call.metadata.get(ECHO_INITIAL)) headers.add(ECHO_INITIAL, value);
  if (headers.get(ECHO_INITIAL).length > 0) call.sendMetadata(headers);
  return trailers;
}
