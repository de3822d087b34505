import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Http2Connection } from "../../src/http2/connection";
import type { ConnectionHandler } from "../../src/http2/handlers";
import type { Http2Options } from "../../src/http2/options";

export interface RunningHttp2Server {
  readonly port: number;
  readonly connections: Set<Http2Connection>;
  close(): Promise<void>;
}

/** A server on the engine, on a port of 127.0.0.1; with `tls`, for clients that negotiate "h2". */
export async function startHttp2Server(
  handler: ConnectionHandler,
  options: Http2Options,
  listen: { port?: number; tls?: { key: Buffer | string; cert: Buffer | string } } = {},
): Promise<RunningHttp2Server> {
  const connections = new Set<Http2Connection>();
  const accept = (socket: Socket) => {
    socket.setNoDelay(true);
    const connection: Http2Connection = new Http2Connection(
      "server",
      socket,
      {
        ...handler,
        onClose: (end) => {
          connections.delete(connection);
          handler.onClose?.(end);
        },
      },
      options,
    );
    connections.add(connection);
  };
  const server: Server = listen.tls
    ? createTlsServer({ ...listen.tls, ALPNProtocols: ["h2"] }, accept)
    : createTcpServer(accept);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(listen.port ?? 0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  return {
    port: address.port,
    connections,
    close: async () => {
      for (const connection of connections) connection.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
