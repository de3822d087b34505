import type { Attack } from "./attack";
import { CONNECTION_FLOODS } from "./families/connection-floods";
import { FRAME_FLOODS } from "./families/frame-floods";
import { GRPC_ATTACKS } from "./families/grpc-attacks";
import { HEADER_ATTACKS } from "./families/header-attacks";
import { HOSTILE_WORKERS } from "./families/hostile-workers";
import { RESET_FLOODS } from "./families/reset-floods";
import { SLOW_PEERS } from "./families/slow-peers";
import { WINDOW_GAMES } from "./families/window-games";

/** In the order of the report. */
export const ATTACKS: readonly Attack[] = [
  ...RESET_FLOODS,
  ...FRAME_FLOODS,
  ...HEADER_ATTACKS,
  ...WINDOW_GAMES,
  ...SLOW_PEERS,
  ...GRPC_ATTACKS,
  ...CONNECTION_FLOODS,
  ...HOSTILE_WORKERS,
];
