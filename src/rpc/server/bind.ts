import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { resolve as resolvePath } from "node:path";
import { type SocketAddress, parseSocketAddress } from "../../core/address";
import { FabricError, messageOf } from "../../core/errors";

/**
 * Binds to the address that a text names; of a unix socket the path is made whole, since what others are told must not depend on this
 * process's folder, and a file that a process left behind is replaced.
 * @throws FabricError INVALID_ARGUMENT when that cannot be, with `field` and the reason
 */
export async function bindTo<T>(text: string, field: string, bind: (address: SocketAddress) => Promise<T>): Promise<T> {
  const address = absolute(parseSocketAddress(text, field), field);
  if ("path" in address) await removeStaleSocket(address.path);
  try {
    return await bind(address);
  } catch (error) {
    const reason = reasonOf(address, error);
    throw new FabricError("INVALID_ARGUMENT", `${field} is "${text}": cannot listen there: ${reason}`, {
      cause: error,
    });
  }
}

function absolute(address: SocketAddress, field: string): SocketAddress {
  if (!("path" in address) || address.path.startsWith("\0")) return address;
  // Read again, because it may have become too long.
  return parseSocketAddress(`unix:${resolvePath(address.path)}`, field);
}

function isInUse(error: unknown): boolean {
  return /EADDRINUSE/.test(messageOf(error));
}

function reasonOf(address: SocketAddress, error: unknown): string {
  if (!isInUse(error)) return messageOf(error);
  return "path" in address
    ? "a process listens there, or it is a file but no socket: stop the process, or choose another path"
    : "the port is in use: stop what uses it or choose another";
}

/**
 * Removes the file of a unix socket whose process ended without doing so, and no other. To bind then says what is wrong with what it leaves.
 *
 * Two processes that find the same file at the same moment could both believe it stale, and the second remove what the first has bound:
 * whoever starts servers side by side gives them paths of their own.
 */
async function removeStaleSocket(path: string): Promise<void> {
  if (path.startsWith("\0")) return;
  try {
    if ((await lstat(path)).isSocket() && (await connectError(path)) === "ECONNREFUSED") await unlink(path);
  } catch {
    // Most often there is nothing.
  }
}

/** Undefined: somebody listens. */
function connectError(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}
