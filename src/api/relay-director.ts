import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import type { DirectorServer } from "../director/director";
import { duplexPair } from "../http2/duplex-pair";
import { dialer } from "../relay/dial";
import { RelayConnection } from "../relay/relay-connection";
import { RelayServer } from "../relay/relay-server";
import type { GrpcServer } from "../wire/grpc-server";
import { dialingTls, servingTls, type TlsFiles } from "../wire/tls";

export interface RelayPathOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly tls: TlsFiles;
  readonly messageMaxBytes: number;
  /** PINGs to whoever connects. */
  readonly keepaliveMs: number;
  readonly reconnectMaxMs: number;
}

/** A director's port and its connections to workers on the HTTP/2 engine, with `control` for the services of its own. */
export interface RelayPath {
  readonly server: DirectorServer;
  connect(address: string, keepaliveMs: number): Connection;
}

/** The :authority of calls that stay in the process. */
const CONTROL_NAME = "localhost";

export function relayPath(control: GrpcServer, options: RelayPathOptions): RelayPath {
  const { clock, random, tls, messageMaxBytes, keepaliveMs, reconnectMaxMs } = options;
  const inject = control.injector();
  const dialControl = () =>
    new RelayConnection(CONTROL_NAME, {
      clock,
      random,
      scheme: "http",
      dial: () => {
        const [ours, theirs] = duplexPair();
        inject(theirs);
        return ours;
      },
      keepaliveMs: 0,
      messageMaxBytes,
      reconnectMaxMs: 50,
    });
  const secureContext = dialingTls(tls);
  const dial = dialer(secureContext);
  const relay = new RelayServer({
    clock,
    random,
    tls: servingTls(tls),
    messageMaxBytes,
    keepaliveMs,
    isControl: (path) => control.has(path),
  });
  return {
    server: new RelayingServer(relay, control, dialControl),
    connect: (address, dataKeepaliveMs) =>
      new RelayConnection(address, {
        clock,
        random,
        scheme: secureContext === undefined ? "http" : "https",
        dial,
        keepaliveMs: dataKeepaliveMs,
        messageMaxBytes,
        reconnectMaxMs,
      }),
  };
}

class RelayingServer implements DirectorServer {
  readonly #relay: RelayServer;
  readonly #control: GrpcServer;
  readonly #dialControl: () => Connection;
  #toControl: Connection | undefined;

  constructor(relay: RelayServer, control: GrpcServer, dialControl: () => Connection) {
    this.#relay = relay;
    this.#control = control;
    this.#dialControl = dialControl;
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#control.handle(path, handler);
  }

  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#relay.handleUnknown(handler);
  }

  async listen(address: string, field: string): Promise<string> {
    const toControl = this.#dialControl();
    this.#toControl = toControl;
    this.#relay.handleControl(toControl);
    // Workers dial the moment the port opens.
    await new Promise<void>((resolve) => toControl.onReadiness((ready) => ready && resolve()));
    return await this.#relay.listen(address, field);
  }

  drain(): Promise<void> {
    return this.#relay.drain();
  }

  close(): void {
    this.#relay.close();
    this.#toControl?.close();
    this.#control.close();
  }
}
