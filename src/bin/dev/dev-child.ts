import { assembleWorkerOf, type DevWork } from "./dev-work";
import { runDirector } from "../director-role";

// `heddle dev` starts this program for the director and for each worker; by itself it does nothing.

/** The parent holds the other end: when it is gone, however it ended, this process stops too. */
process.stdin.on("close", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
// It alone must not keep the process running.
(process.stdin as NodeJS.ReadStream).unref();

const work = JSON.parse(process.argv[2] ?? '{"kind":"none"}') as DevWork | { kind: "director" } | { kind: "none" };
void main();

async function main(): Promise<void> {
  switch (work.kind) {
    case "none":
      process.stderr.write("this program is a part of heddle dev\n");
      process.exit(2);
      break;
    case "director":
      process.exit(await runDirector(process.env));
      break;
    default:
      await assembleWorkerOf(work);
  }
}
