/**
 * A gRPC server on the engine that sends and takes much, or nothing, as its callers ask: node bulk-worker.js host:port. It is
 * made a worker by `heddle attach`.
 */
import { HeaderList } from "../../../src/http2/header-list";
import type { StreamHandler } from "../../../src/http2/handlers";
import type { Http2Stream } from "../../../src/http2/stream";
import { engineOptions } from "../http2-parts";
import { startHttp2Server } from "../http2-server";
import { BULK, BulkMessages, WINDOW_BYTES } from "./bulk-data";
import { BulkReader, BulkSender, ReadingRound } from "./bulk-streams";

const HEAD = HeaderList.of([":status", "200", "content-type", "application/grpc"]);
const OK = HeaderList.of(["grpc-status", "0"]);
const NO_SUCH_METHOD = HeaderList.of(["grpc-status", "12"]);

const IGNORES: StreamHandler = {
  onHeaders: () => {},
  onData: (stream, _chunk, start, end) => stream.consume(end - start),
  onTrailers: () => {},
  onReset: () => {},
  onWritable: () => {},
};

/** Streams that cannot send, or that are not read: until the other side, or this one, goes on. */
const waiting = new Map<Http2Stream, () => boolean>();
let round: ReadingRound | undefined;

function download(stream: Http2Stream, message: BulkMessages): StreamHandler {
  const sender = new BulkSender(message, () => stream.sendTrailers(OK));
  waiting.set(stream, () => sender.isWaiting && stream.sendWindowBytes <= 0);
  stream.sendHeaders(HEAD);
  sender.send(stream, false);
  return { ...IGNORES, onWritable: () => sender.send(stream, false), onReset: () => void waiting.delete(stream) };
}

function upload(stream: Http2Stream, message: BulkMessages, together: number): StreamHandler {
  if (together > 0) round ??= new ReadingRound(together);
  const reader = new BulkReader(message, together > 0 ? round : undefined);
  waiting.set(stream, () => stream.unconsumedBytes >= WINDOW_BYTES);
  return {
    ...IGNORES,
    onData: (_stream, chunk, start, end, endStream) => {
      reader.take(stream, chunk, start, end);
      if (!endStream) return;
      waiting.delete(stream);
      const received = HeaderList.of([...HEAD.fields, BULK.received, `${reader.receivedBytes} ${reader.isRight}`]);
      stream.sendHeaders(received);
      stream.sendTrailers(OK);
    },
    onReset: () => void waiting.delete(stream),
  };
}

function tellWaiting(stream: Http2Stream): StreamHandler {
  const count = [...waiting.values()].filter((isWaiting) => isWaiting()).length;
  stream.sendHeaders(HEAD);
  stream.sendTrailers(HeaderList.of([...OK.fields, "bulk-waiting", String(count)]));
  return IGNORES;
}

async function serve(address: string): Promise<void> {
  const port = Number(address.split(":")[1]);
  const options = engineOptions({
    streamWindowBytes: WINDOW_BYTES,
    connectionWindowBytes: 0x7fff_ffff,
    maxConcurrentStreams: 100_000,
  });
  const onStream = (stream: Http2Stream, head: HeaderList): StreamHandler => {
    const message = new BulkMessages(Number(head.get(BULK.bytes) ?? "5"));
    switch (head.get(":path")) {
      case BULK.download:
        return download(stream, message);
      case BULK.upload:
        return upload(stream, message, Number(head.get(BULK.together) ?? "0"));
      case BULK.waiting:
        return tellWaiting(stream);
      case "/grpc.health.v1.Health/Check":
        stream.sendHeaders(HEAD);
        stream.sendTrailers(NO_SUCH_METHOD);
        return IGNORES;
      default:
        return IGNORES; // answers nothing, for ever
    }
  };
  await startHttp2Server({ onStream }, options, { port });
  console.log(`listening on ${address}`);
}

void serve(process.argv[2] ?? "127.0.0.1:0");
