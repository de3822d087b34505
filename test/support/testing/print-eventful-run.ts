import { eventfulRun } from "./eventful-run";

/** Prints the log of one run, for a comparison with that of another process. */
void eventfulRun(Number(process.argv[2])).then((lines) => process.stdout.write(lines.join("\n")));
