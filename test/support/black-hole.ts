import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { freeze } from "./freeze";

/** An address whose packets get no answer. */
export interface BlackHole {
  close(): void;
}

/** What the kernel takes for a listener that never does: its backlog of 1, and one more. */
const QUEUED = 2;

/** Makes one of a host of this machine and a port that is free there, by a listener that stands still and whose queue is full. */
export async function blackHole(host: string, port: number): Promise<BlackHole> {
  const program = `require("node:net").createServer().listen({ host: "${host}", port: ${port}, backlog: 1 }, () => console.log("there"))`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  freeze(child);
  const queued: Socket[] = [];
  for (let count = 0; count < QUEUED; count += 1) {
    const socket = connect({ host, port });
    socket.on("error", () => {});
    queued.push(socket);
    await once(socket, "connect");
  }
  return {
    close: () => {
      for (const socket of queued) socket.destroy();
      child.kill("SIGKILL");
    },
  };
}
