import { readFileSync } from "node:fs";

import { credentials } from "@grpc/grpc-js";

import { CASES_WITHOUT_FLAGS, INTEROP_CASES } from "./cases";
import { GrpcJsChannel } from "./grpc-js-channel";
import { connectionClients, directorClients, type HeddleClientOptions } from "./heddle-clients";
import { HeddleChannel } from "./heddle-channel";
import type { InteropCases } from "./interop-case";
import { InteropTarget } from "./interop-target";

/** Where a client of this process finds a server. */
export interface TargetAddress {
  readonly address: string;
  /** PEM file of the authority to trust; undefined for plain text. */
  readonly caFile: string | undefined;
  /** Whether it is a director's: our own client then is the one that knows of directors. */
  readonly isDirector: boolean;
}

/** A client stack of this process: what it is asked, and how it gets to a server. */
export interface InteropStack {
  readonly cases: InteropCases;
  open(target: TargetAddress): InteropTarget;
}

/** "heddle" is our client on our engine, "heddle-js" the same with HEDDLE_TRANSPORT=grpc-js. */
export const INTEROP_STACKS = {
  "grpc-js": {
    cases: INTEROP_CASES,
    open({ address, caFile }) {
      const trust = caFile === undefined ? credentials.createInsecure() : credentials.createSsl(readFileSync(caFile));
      return new InteropTarget((settings) => new GrpcJsChannel(address, trust, settings));
    },
  },
  heddle: { cases: INTEROP_CASES, open: (target) => heddleTarget(target, "engine") },
  "heddle-js": { cases: CASES_WITHOUT_FLAGS, open: (target) => heddleTarget(target, "grpc-js") },
} as const satisfies Record<string, InteropStack>;

function heddleTarget(
  { address, caFile, isDirector }: TargetAddress,
  transport: HeddleClientOptions["transport"],
): InteropTarget {
  const connect = isDirector ? directorClients : connectionClients;
  return new InteropTarget(
    (settings) =>
      new HeddleChannel(connect(address, { transport, caFile, compression: settings.compression }), settings),
  );
}
