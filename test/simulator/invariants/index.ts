import { acknowledgedWritesStay } from "./acknowledged-writes-stay";
import { atMostOnce } from "./at-most-once";
import { callsEndInTime } from "./calls-end-in-time";
import { countersReturn } from "./counters-return";
import { idempotentCallsSucceed } from "./idempotent-calls-succeed";
import type { Invariant } from "./invariant";
import { noCallToTheUnfit } from "./no-call-to-the-unfit";
import { noErrorLines } from "./no-error-lines";
import { noVerdictWithoutAFault } from "./no-verdict-without-a-fault";
import { nothingLeftBehind } from "./nothing-left-behind";
import { oneLeader } from "./one-leader";
import { plannedStopsLoseNoCall } from "./planned-stops-lose-no-call";
import { slotsNeverExceeded } from "./slots-never-exceeded";
import { streamsComplete } from "./streams-complete";
import { viewsConverge } from "./views-converge";

/** All that is checked, in every run. */
export const INVARIANTS: readonly Invariant[] = [
  noCallToTheUnfit,
  slotsNeverExceeded,
  atMostOnce,
  callsEndInTime,
  idempotentCallsSucceed,
  plannedStopsLoseNoCall,
  oneLeader,
  acknowledgedWritesStay,
  viewsConverge,
  countersReturn,
  streamsComplete,
  noVerdictWithoutAFault,
  nothingLeftBehind,
  noErrorLines,
];
