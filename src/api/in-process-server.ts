import type { IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { DirectorServer } from "../director/director";
import { InProcessConnection } from "../rpc/client/in-process-connection";
import { MessageServices } from "../rpc/server/message-services";

export interface InProcessServer {
  /** What is registered here can be called both ways. */
  readonly server: DirectorServer;
  readonly connection: InProcessConnection;
}

/** A port whose services, and whatever it routes elsewhere, this process can call without a socket. */
export function alsoInProcess(port: DirectorServer, clock: Clock, messageMaxBytes: number): InProcessServer {
  const own = new MessageServices(clock, messageMaxBytes);
  let routeOther: (call: IncomingCall) => void = () => {};
  const connection = new InProcessConnection((call) => {
    if (own.has(call.path)) own.serve(call, connection);
    else routeOther(call);
  });
  const server: DirectorServer = {
    handle: (path, handler) => {
      own.handle(path, handler);
      port.handle(path, handler);
    },
    handleUnknown: (handler) => {
      routeOther = handler;
      port.handleUnknown(handler);
    },
    listen: (address, field) => port.listen(address, field),
    drain: () => port.drain(),
    close: () => {
      connection.close();
      port.close();
    },
  };
  return { server, connection };
}
