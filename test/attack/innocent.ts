/**
 * The innocent client, in a process of its own: calls at a gentle pace, whatever becomes of the calls before, and looks at every
 * answer in full. Most calls go over connections that are kept, some each over a new one, since those are what some attacks are
 * after. Prints a line of JSON (`InnocentSlice`) for every tenth of a second.
 *
 * Arguments: the target's address, and "plain" or "tls".
 */
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { callShape } from "../bench/relay/echo-contract";
import { IN_TIME_MS, SLICE_MS, type InnocentSlice } from "./innocent-slice";

const [target = "", transport = ""] = process.argv.slice(2);
const KEPT_CONNECTIONS = 4;
const KEPT_CALLS_PER_SLICE = 20;
const FRESH_CALLS_PER_SLICE = 1;

const shape = callShape(100);
const HEADERS = { ":method": "POST", ":path": shape.path, "content-type": "application/grpc", te: "trailers" };

function open(): ClientHttp2Session {
  const session = connect(`${transport === "tls" ? "https" : "http"}://${target}`, { rejectUnauthorized: false });
  session.on("error", () => {});
  return session;
}

/** Resolves to "" when the answer was in time and all that was asked for, else to what it was. */
function call(session: ClientHttp2Session): Promise<string> {
  return new Promise((settle) => {
    let stream;
    try {
      stream = session.request(HEADERS);
    } catch (error) {
      settle(String(error));
      return;
    }
    let received: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => {
      settle("too late");
      stream.close();
    }, IN_TIME_MS);
    stream.on("response", (headers) => (received = { ...received, ...headers }));
    stream.on("trailers", (trailers) => (received = { ...received, ...trailers }));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () => {
      clearTimeout(timer);
      settle(problemOf(received, Buffer.concat(chunks)));
    });
    stream.end(shape.message);
  });
}

function problemOf(received: IncomingHttpHeaders, body: Buffer): string {
  const { ":status": httpStatus, "grpc-status": status, "grpc-message": text } = received;
  if (Number(httpStatus) !== 200) return `:status ${String(httpStatus)}`;
  if (status !== "0") return `grpc-status ${String(status)} ${String(text)}`;
  return body.equals(shape.message) ? "" : `${body.length} bytes that were not asked for`;
}

const kept: ClientHttp2Session[] = [];

function keptSession(index: number): ClientHttp2Session {
  const session = kept[index];
  if (session && !session.closed && !session.destroyed) return session;
  return (kept[index] = open());
}

/** Slices with calls that are not over. */
const waiting = new Set<typeof slice>();
let slice: { summary: InnocentSlice; pending: number; closed: boolean };
let turns = 0;

function newSlice(): void {
  slice = {
    summary: {
      atMs: Date.now(),
      kept: 0,
      keptGood: 0,
      fresh: 0,
      freshGood: 0,
      latenciesMs: [],
      failures: [],
      lagMs: 0,
    },
    pending: 0,
    closed: false,
  };
  waiting.add(slice);
}

function tellIfOver(each: typeof slice): void {
  if (!each.closed || each.pending > 0) return;
  waiting.delete(each);
  console.log(JSON.stringify(each.summary));
}

function makeCall(fresh: boolean): void {
  const mine = slice;
  const { summary } = mine;
  mine.pending += 1;
  if (fresh) summary.fresh += 1;
  else summary.kept += 1;
  const session = fresh ? open() : keptSession(turns % KEPT_CONNECTIONS);
  const startMs = performance.now();
  void call(session).then((problem) => {
    const good = problem === "";
    if (!good) summary.failures.push(problem);
    if (good && fresh) summary.freshGood += 1;
    else if (good) summary.keptGood += 1;
    if (good) summary.latenciesMs.push(Math.round(10 * (performance.now() - startMs)) / 10);
    if (fresh) session.destroy();
    mine.pending -= 1;
    tellIfOver(mine);
  });
}

newSlice();
// Open loop: what was due while this process had no time is made up for.
const STEP_MS = SLICE_MS / KEPT_CALLS_PER_SLICE;
const startMs = performance.now();
let turnMs = startMs;
// A call waits for its answer as long as it may, so lag counts for the slices of all that time.
setInterval(() => {
  const lagMs = performance.now() - turnMs - STEP_MS;
  turnMs = performance.now();
  for (const each of waiting) each.summary.lagMs = Math.max(each.summary.lagMs, lagMs);
  while (startMs + turns * STEP_MS <= performance.now()) {
    makeCall(false);
    turns += 1;
    if (turns % KEPT_CALLS_PER_SLICE !== 0) continue;
    for (let count = 0; count < FRESH_CALLS_PER_SLICE; count += 1) makeCall(true);
    const over = slice;
    newSlice();
    over.closed = true;
    tellIfOver(over);
  }
}, STEP_MS);
