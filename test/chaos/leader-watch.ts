import { setTimeout as wait } from "node:timers/promises";
import type { DirectorNode } from "./fabric";
import { nowMs } from "./history";

/** Who leads, as one director saw it. */
export interface LeaderSighting {
  readonly atMs: number;
  readonly seenBy: string;
  /** "" when it knew of none. */
  readonly leader: string;
  readonly epoch: number;
}

const EVERY_MS = 100;
const ANSWER_WITHIN_MS = 1_000;

/** Asks every director who leads, all the time. */
export class LeaderWatch {
  readonly sightings: LeaderSighting[] = [];
  readonly #directors: readonly DirectorNode[];
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(directors: readonly DirectorNode[]) {
    this.#directors = directors;
    this.#loops = directors.map((director) => this.#watch(director));
  }

  /** Of what was seen last by anybody, the highest epoch; "" when nobody knows a leader. */
  latest(): string {
    const last = this.#directors.map(({ id }) => this.sightings.findLast(({ seenBy }) => seenBy === id));
    return (
      last.reduce((best, each) => (each && each.epoch > (best?.epoch ?? 0) ? each : best), undefined)?.leader ?? ""
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #watch({ id, client }: DirectorNode): Promise<void> {
    let last: LeaderSighting | undefined;
    while (!this.#stopped) {
      try {
        const options = { timeoutMs: ANSWER_WITHIN_MS, waitForReady: false };
        const { directorId, epoch } = await client.director.getLeader({}, options);
        const seen = { atMs: nowMs(), seenBy: id, leader: directorId, epoch: Number(epoch) };
        if (seen.leader !== last?.leader || seen.epoch !== last.epoch) this.sightings.push(seen);
        last = seen;
      } catch {
        // It is not there, or stands still. The others know.
      }
      await wait(EVERY_MS);
    }
  }
}
