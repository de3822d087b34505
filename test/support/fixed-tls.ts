import { SILENT_LOGGER } from "../../src/core/logger";
import { systemClock } from "../../src/platform/system-clock";
import { LiveTls } from "../../src/wire/live-tls";
import type { TlsFiles } from "../../src/wire/tls-material";

/** TLS files as they are now, and stay. */
export function fixedTls(files: TlsFiles): LiveTls {
  return new LiveTls(files, { clock: systemClock, logger: SILENT_LOGGER, reloadMs: 0 });
}
