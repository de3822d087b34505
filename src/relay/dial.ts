import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { parseAddress } from "../core/address";

/** How to begin a connection to a worker: plain, or TLS that negotiates "h2" and checks that the certificate names the host. */
export function dialer(secureContext?: SecureContext): (address: string) => Socket {
  return (address) => {
    const { host, port } = parseAddress(address, "the worker's address");
    if (secureContext === undefined) return connectTcp({ host, port, noDelay: true });
    const socket = connectTls({
      host,
      port,
      secureContext,
      ALPNProtocols: ["h2"],
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    socket.setNoDelay(true);
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== "h2") socket.destroy(new Error("the server does not speak HTTP/2"));
    });
    return socket;
  };
}
