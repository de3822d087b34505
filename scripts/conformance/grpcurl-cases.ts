import type { ServerName } from "./interop-run";

/** How grpcurl ended, and all it wrote. */
export interface GrpcurlOutput {
  readonly code: number;
  readonly text: string;
}

/** One run of grpcurl against a director to which one interop server is attached, by the name "interop". */
export interface GrpcurlCase {
  /** Flags before the address. */
  readonly flags?: readonly string[];
  /** What follows it: a verb and a symbol, or a method. */
  readonly words: readonly string[];
  readonly stdin?: string;
  /** Texts that must be in the output. */
  readonly says: readonly (string | RegExp)[];
  /** Exit code; grpcurl's for a status is 64 more than it. Default 0. */
  readonly code?: number;
  /** Servers that have nothing to show for it. */
  readonly notFor?: readonly ServerName[];
  /** Over TLS alone, and not trusting the director. */
  readonly distrustful?: boolean;
}

const SERVICE = "grpc.testing.TestService";
const status = (code: number) => 64 + code;
const json = (value: object) => JSON.stringify(value);
const zeros = (size: number) => ({ payload: { body: Buffer.alloc(size).toString("base64") } });

export const GRPCURL_CASES: Readonly<Record<string, GrpcurlCase>> = {
  list: {
    words: ["list"],
    says: ["grpc.health.v1.Health", SERVICE, "heddle.v1.DirectorService", "xds.service.orca.v3.OpenRcaService"],
  },
  list_methods: { words: ["list", SERVICE], says: [`${SERVICE}.FullDuplexCall`, `${SERVICE}.UnaryCall`] },
  describe_method: {
    words: ["describe", `${SERVICE}.FullDuplexCall`],
    says: [/rpc FullDuplexCall \( stream \.grpc\.testing\.\w+ \) returns \( stream \.grpc\.testing\.\w+ \);/],
  },
  describe_message: {
    words: ["describe", "grpc.testing.EchoStatus"],
    says: ["int32 code = 1;", "string message = 2;"],
  },
  describe_own_service: { words: ["describe", "heddle.v1.DirectorService"], says: ["rpc ListMembers ("] },
  empty_unary: { words: [`${SERVICE}/EmptyCall`], says: ["{}"] },
  unary: { flags: ["-d", json({ responseSize: 3 })], words: [`${SERVICE}/UnaryCall`], says: ['"body": "AAAA"'] },
  large_unary: {
    flags: ["-d", "@"],
    stdin: json({ responseSize: 314_159, ...zeros(271_828) }),
    words: [`${SERVICE}/UnaryCall`],
    says: [/"body": "A{418876,}/],
  },
  server_stream: {
    flags: ["-d", json({ responseParameters: [{ size: 1 }, { size: 2 }, { size: 3 }] })],
    words: [`${SERVICE}/StreamingOutputCall`],
    says: [/"AA=="[^]*"AAA="[^]*"AAAA"/],
  },
  client_stream_from_stdin: {
    flags: ["-d", "@"],
    stdin: [10, 20, 30].map((size) => json(zeros(size))).join("\n"),
    words: [`${SERVICE}/StreamingInputCall`],
    says: ['"aggregatedPayloadSize": 60'],
  },
  bidi_from_stdin: {
    flags: ["-d", "@"],
    stdin: [1, 2].map((size) => json({ responseParameters: [{ size }] })).join("\n"),
    words: [`${SERVICE}/FullDuplexCall`],
    says: [/"AA=="[^]*"AAA="/],
  },
  metadata_both_ways: {
    flags: ["-v", "-H", "x-grpc-test-echo-initial: hi there", "-H", "x-grpc-test-echo-trailing-bin: q6ur"],
    words: [`${SERVICE}/UnaryCall`],
    says: [
      /Response headers received:[^]*x-grpc-test-echo-initial: hi there[^]*Response trailers received:/,
      /Response trailers received:[^]*x-grpc-test-echo-trailing-bin: q6ur/,
    ],
  },
  routing_to_a_worker: {
    flags: ["-v", "-H", "heddle-worker: interop"],
    words: [`${SERVICE}/EmptyCall`],
    says: [/Response trailers received:[^]*heddle-attempts: 1[^]*heddle-worker: interop/],
  },
  routing_to_nobody: {
    flags: ["-H", "heddle-worker: nobody"],
    words: [`${SERVICE}/EmptyCall`],
    code: status(5),
    says: ["Code: NotFound", '[MEMBER_NOT_FOUND] there is no member "nobody"'],
  },
  deadline: {
    flags: ["-max-time", "0.3", "-d", json({ responseParameters: [{ size: 1, intervalUs: 10_000_000 }] })],
    words: [`${SERVICE}/StreamingOutputCall`],
    code: status(4),
    says: ["Code: DeadlineExceeded"],
  },
  status_and_message: {
    flags: ["-d", json({ responseStatus: { code: 9, message: "nicht jetzt: 50 % für Größe" } })],
    words: [`${SERVICE}/UnaryCall`],
    code: status(9),
    says: ["Code: FailedPrecondition", "Message: nicht jetzt: 50 % für Größe"],
  },
  error_details: {
    flags: ["-d", json({ responseStatus: { code: 3, message: "too small" } })],
    words: [`${SERVICE}/UnaryCall`],
    code: status(3),
    says: [/Details:[^]*"@type":\s*"type\.googleapis\.com\/grpc\.testing\.EchoStatus"[^]*"message":\s*"too small"/],
    notFor: ["grpc-go"],
  },
  unimplemented_method: {
    words: [`${SERVICE}/UnimplementedCall`],
    code: status(12),
    says: ["Code: Unimplemented"],
  },
  unknown_service: {
    flags: ["-import-path", "test/support/proto", "-proto", "grpc/testing/test.proto"],
    words: ["grpc.testing.UnimplementedService/UnimplementedCall"],
    code: status(12),
    says: ["Code: Unimplemented", "[UNKNOWN_SERVICE]"],
  },
  health: {
    flags: ["-d", json({ service: SERVICE })],
    words: ["grpc.health.v1.Health/Check"],
    says: ['"status": "SERVING"'],
  },
  own_rpc: { words: ["heddle.v1.DirectorService/ListMembers"], says: ['"interop"'] },
  distrusts_unknown_authority: { words: ["list"], code: 1, says: ["certificate"], distrustful: true },
};
