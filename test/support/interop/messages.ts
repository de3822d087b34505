/** Messages of grpc.testing and xds.data.orca, as proto-loader makes them; all fields are optional where they are given. */

export interface Payload {
  readonly type?: "COMPRESSABLE";
  readonly body: Uint8Array;
}

export interface EchoStatus {
  readonly code: number;
  readonly message: string;
}

export interface TestOrcaReport {
  readonly cpuUtilization?: number;
  readonly memoryUtilization?: number;
  readonly requestCost?: Readonly<Record<string, number>>;
  readonly utilization?: Readonly<Record<string, number>>;
}

export interface SimpleRequest {
  readonly responseSize?: number;
  readonly payload?: Payload | null;
  readonly fillServerId?: boolean;
  readonly responseCompressed?: { readonly value: boolean } | null;
  readonly responseStatus?: EchoStatus | null;
  readonly expectCompressed?: { readonly value: boolean } | null;
  readonly orcaPerQueryReport?: TestOrcaReport | null;
}

export interface SimpleResponse {
  readonly payload?: Payload | null;
  readonly serverId?: string;
}

export interface StreamingInputCallRequest {
  readonly expectCompressed?: { readonly value: boolean } | null;
  readonly payload?: Payload | null;
}

export interface StreamingInputCallResponse {
  readonly aggregatedPayloadSize: number;
}

export interface ResponseParameters {
  readonly size: number;
  readonly intervalUs?: number;
  readonly compressed?: { readonly value: boolean } | null;
}

export interface StreamingOutputCallRequest {
  readonly responseParameters?: readonly ResponseParameters[];
  readonly payload?: Payload | null;
  readonly responseStatus?: EchoStatus | null;
  readonly orcaOobReport?: TestOrcaReport | null;
}

export interface StreamingOutputCallResponse {
  readonly payload?: Payload | null;
}

export interface OrcaLoadReport {
  readonly cpuUtilization?: number;
  readonly memUtilization?: number;
  readonly requestCost?: Readonly<Record<string, number>>;
  readonly utilization?: Readonly<Record<string, number>>;
}

export interface OrcaLoadReportRequest {
  readonly reportInterval?: { readonly seconds: string; readonly nanos: number } | null;
}

/** This many zeros. */
export function zeros(size: number): Payload {
  return { type: "COMPRESSABLE", body: Buffer.alloc(size) };
}

/** Keys that a server echoes: the first in its headers, the second in its trailers. */
export const ECHO_INITIAL = "x-grpc-test-echo-initial";
export const ECHO_TRAILING = "x-grpc-test-echo-trailing-bin";

/** Trailer with the load report of one call. */
export const ORCA_TRAILER = "endpoint-load-metrics-bin";
