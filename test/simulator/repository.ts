import { basename, join } from "node:path";

const above = join(__dirname, "..", "..");

/** The repository's folder, also for what was built of this. */
export const REPOSITORY = basename(above) === "dist" ? join(above, "..") : above;
