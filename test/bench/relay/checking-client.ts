import { once } from "node:events";
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { text } from "node:stream/consumers";
import { eventually } from "../../support/processes";
import { HEDDLE, type RunningProxy } from "./contestants";
import { WORKER_ID, type CallShape } from "./echo-contract";
import type { Row } from "./load";

const CALLS = 32;

/** Makes a few calls and looks at all that h2load does not: grpc-status, and the bytes of the answer. Resolves to what is wrong, or "". */
export async function check(name: string, { address }: RunningProxy, { shape, tls }: Row): Promise<string> {
  const session = connect(`${tls ? "https" : "http"}://${address}`, { rejectUnauthorized: false });
  session.on("error", () => {});
  try {
    await once(session, "connect");
    const problems = await Promise.all(Array.from({ length: CALLS }, () => checkCall(name, session, shape)));
    return problems.find((problem) => problem !== "") ?? "";
  } catch (error) {
    return String(error);
  } finally {
    session.destroy();
  }
}

async function checkCall(name: string, session: ClientHttp2Session, shape: CallShape): Promise<string> {
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const stream = session.request({ ":method": "POST", ":path": shape.path, ...headers });
  let received: IncomingHttpHeaders = {};
  stream.on("response", (answer) => (received = { ...received, ...answer }));
  stream.on("trailers", (trailers) => (received = { ...received, ...trailers }));
  stream.end(shape.message);
  stream.setEncoding("latin1");
  const body = await text(stream);
  if (Number(received[":status"]) !== 200) return `:status ${String(received[":status"])}`;
  if (received["grpc-status"] !== "0") {
    return `grpc-status ${String(received["grpc-status"])}: ${String(received["grpc-message"])}`;
  }
  if (body !== shape.message.toString("latin1").repeat(shape.answers))
    return `${body.length} bytes that were not asked for`;
  if (name === HEDDLE && received["heddle-worker"] !== WORKER_ID) return "no trailer names the worker that was picked";
  return "";
}

/** Resolves when the proxy answers. */
export async function whenAnswering(name: string, proxy: RunningProxy, row: Row): Promise<void> {
  let problem = "";
  await eventually(
    () => `${name} answers: ${problem}`,
    async () => (problem = await check(name, proxy, row)) === "",
    { everyMs: 100 },
  );
}
