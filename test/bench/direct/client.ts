/**
 * A client whose CPU time `make bench-direct` measures: a process that makes calls when told to over IPC, and says how long they
 * took. Messages are the bytes that they are on the wire: a codec would cost both clients the same, and hide the difference.
 *
 * Arguments: "heddle" and the director's address, or "grpc-js" and the worker's.
 */
import { Client, credentials } from "@grpc/grpc-js";
import { connect, type ServiceDefinition } from "../../../src/api/client";
import { quantile } from "../measure/statistics";
import { ECHO_SERVICE, PREFIX_BYTES } from "../relay/echo-contract";
import { DIRECT_ROWS, type DirectOrder, type DirectOutcome, type DirectRow } from "./direct-rows";

/** Makes one call; resolves to the bytes of its answers. */
type Call = (row: DirectRow) => Promise<number>;

/** The deadline that our client gives to unary calls which have none: the other gets it too. */
const DEADLINE_MS = 30_000;

const isUnary = ({ shape }: DirectRow) => shape.answers === 1;
const requestOf = ({ shape }: DirectRow) => shape.message.subarray(PREFIX_BYTES);

const asBytes = {
  encode: (message: Uint8Array) => ({ finish: () => message }),
  decode: (bytes: Uint8Array) => bytes,
  fromPartial: (message: Uint8Array) => message,
};
const method = { requestType: asBytes, requestStream: false, responseType: asBytes, options: {} } as const;
const EchoServiceDefinition = {
  name: "EchoService",
  fullName: ECHO_SERVICE,
  methods: {
    echo: { ...method, name: "Echo", responseStream: false },
    echoMany: { ...method, name: "EchoMany", responseStream: true },
  },
} as const satisfies ServiceDefinition;

async function heddleClient(director: string): Promise<Call> {
  const fabric = connect({ directors: [director], mode: "direct", callTimeoutMs: DEADLINE_MS, env: {} });
  await fabric.whenReady(ECHO_SERVICE);
  const echo = fabric.client(EchoServiceDefinition);
  return async (row) => {
    if (isUnary(row)) return (await echo.echo(requestOf(row))).length;
    let bytes = 0;
    for await (const answer of echo.echoMany(requestOf(row))) bytes += answer.length;
    return bytes;
  };
}

/** As its documentation shows it: callbacks and events, no promise and no wrapper but the one that counts. */
function grpcJsClient(worker: string): Call {
  const client = new Client(worker, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  return (row) =>
    new Promise((resolve, reject) => {
      const request = requestOf(row);
      if (isUnary(row)) {
        const deadline = Date.now() + DEADLINE_MS;
        client.makeUnaryRequest(row.shape.path, asIs, asIs, request, { deadline }, (error, answer) => {
          if (error) reject(error);
          else resolve(answer!.length);
        });
        return;
      }
      let bytes = 0;
      client
        .makeServerStreamRequest(row.shape.path, asIs, asIs, request)
        .on("data", (answer: Buffer) => (bytes += answer.length))
        .on("error", reject)
        .on("end", () => resolve(bytes));
    });
}

async function run(call: Call, row: DirectRow, calls: number): Promise<DirectOutcome> {
  const bytesExpected = row.shape.answers * requestOf(row).length;
  const latenciesUs = new Float64Array(calls);
  const failures = new Set<string>();
  let started = 0;
  const oneAfterTheOther = async () => {
    while (started < calls) {
      const index = started++;
      const startedMs = performance.now();
      const bytes = await call(row).catch((error: unknown) => String(error));
      latenciesUs[index] = (performance.now() - startedMs) * 1_000;
      if (bytes !== bytesExpected) failures.add(`answered ${bytes} instead of ${bytesExpected} bytes`);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: row.concurrency }, oneAfterTheOther));
  const wallMs = performance.now() - startedMs;
  const sorted = [...latenciesUs.sort()];
  return {
    p50Us: quantile(sorted, 0.5),
    p99Us: quantile(sorted, 0.99),
    wallMs,
    failure: [...failures].join("; "),
  };
}

async function main(): Promise<void> {
  const [kind = "", address = ""] = process.argv.slice(2);
  const call = kind === "heddle" ? await heddleClient(address) : grpcJsClient(address);
  process.on("message", ({ row: name, calls }: DirectOrder) => {
    const row = DIRECT_ROWS.find((each) => each.name === name)!;
    void run(call, row, calls).then((outcome) => process.send!(outcome));
  });
  process.on("disconnect", () => process.exit());
  process.send!("ready");
}

void main();
