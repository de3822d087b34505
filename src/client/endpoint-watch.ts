import { Backoff } from "../core/backoff";
import type { Connection } from "../core/call";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import { DirectorServiceDefinition, type WatchEndpointsResponse } from "../wire/contract";
import { loadFromWire, tagsFromWire } from "../wire/member-codec";
import { typedClient } from "../rpc/service/typed-client";
import type { EndpointDescription } from "./endpoint-pool";

export interface EndpointWatchParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly reconnectMaxMs: number;
  /** Directors to ask, in turn. Asked anew before each attempt: the list grows with what directors tell. */
  directors(): readonly string[];
  connect(address: string): Connection;
  changed(list: EndpointList): void;
}

export interface EndpointList {
  readonly endpoints: readonly EndpointDescription[];
  /** The cluster's balancing policy. */
  readonly policy: string;
  readonly directors: readonly string[];
}

/**
 * How long a director may take to send the first list: of several each has a second at first, since one of them may be frozen, and twice the
 * time whenever all of them had their turn.
 */
const FIRST_LIST_TIMEOUT_MS = 5_000;
const FIRST_OF_SEVERAL_TIMEOUT_MS = 1_000;

function firstListTimeoutMs(attempt: number, directors: number): number {
  if (directors === 1) return FIRST_LIST_TIMEOUT_MS;
  return Math.min(FIRST_LIST_TIMEOUT_MS, FIRST_OF_SEVERAL_TIMEOUT_MS * 2 ** Math.floor(attempt / directors));
}

/**
 * Follows the endpoints through one director after the other, until `signal` aborts. While none answers, the last list stays: calls go
 * on without directors.
 */
export async function watchEndpoints(parts: EndpointWatchParts, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, reconnectMaxMs } = parts;
  const backoff = new Backoff({ initialMs: 100, maxMs: reconnectMaxMs }, random);
  let unanswered = 0;
  for (let attempt = 0; !signal.aborted; attempt += 1, unanswered += 1) {
    const directors = parts.directors();
    const address = directors[attempt % directors.length];
    if (address === undefined) return;
    const answered = () => {
      backoff.reset();
      unanswered = -1;
    };
    try {
      await follow(parts, address, firstListTimeoutMs(unanswered, directors.length), signal, answered);
    } catch (error) {
      if (signal.aborted) return;
      logger.debug("a director does not answer", { address, reason: messageOf(error) });
    }
    if ((attempt + 1) % directors.length === 0) await clock.sleep(backoff.nextMs(), signal).catch(() => {});
  }
}

async function follow(
  parts: EndpointWatchParts,
  address: string,
  firstTimeoutMs: number,
  signal: AbortSignal,
  answered: () => void,
): Promise<void> {
  const connection = parts.connect(address);
  const silence = new AbortController();
  const cancelTimer = parts.clock.after(firstTimeoutMs, () => silence.abort());
  try {
    const director = typedClient(DirectorServiceDefinition, connection);
    for await (const list of director.watchEndpoints({}, { signal: AbortSignal.any([signal, silence.signal]) })) {
      cancelTimer();
      answered();
      parts.changed(fromWire(list));
    }
  } finally {
    cancelTimer();
    connection.close();
  }
}

function fromWire({ endpoints, policy, directors }: WatchEndpointsResponse): EndpointList {
  return {
    policy,
    directors,
    endpoints: endpoints.map((endpoint) => ({
      memberId: endpoint.memberId,
      address: endpoint.address,
      incarnation: Number(endpoint.incarnation),
      services: endpoint.services,
      tags: tagsFromWire(endpoint.tags),
      slots: endpoint.slots,
      standby: endpoint.standby,
      reportedLoad: loadFromWire(endpoint.load),
      dataKeepalive: endpoint.dataKeepalive,
    })),
  };
}
