import { setTimeout as wait } from "node:timers/promises";
import { IntentKind, type Member } from "../../generated/heddle/v1/member";
import { REGISTERED_SERVICE } from "./contract";
import type { DirectorNode } from "./fabric";

const EVERY_MS = 250;
const ANSWER_WITHIN_MS = 3_000;
/** Registered members: each is a connection of each director. */
const MEMBERS_MAX = 12;
/** Far longer than a run, so that nobody has to report for them. */
const MEMBER_TTL_MS = 3_600_000;
const POLICIES = ["least-connections", "round-robin"] as const;

/** What one key may hold: what was acknowledged last, or what was never answered and may be done at any time. */
class Expectation {
  acknowledged: string | undefined;
  readonly #maybe = new Set<string>();

  allows(found: string | undefined): boolean {
    return this.acknowledged === undefined || found === this.acknowledged || this.#maybe.has(found ?? "");
  }

  note(value: string, done: boolean): void {
    if (done) this.acknowledged = value;
    else this.#maybe.add(value);
  }
}

/** Writes through one director after the other, and remembers what was promised. */
export class AcknowledgedWrites {
  readonly #directors: readonly DirectorNode[];
  readonly #memberAddress: string;
  readonly #expected = new Map<string, Expectation>();
  readonly #members: string[] = [];
  readonly #loop: Promise<void>;
  #stopped = false;
  acknowledged = 0;
  /** Not acknowledged; the store or the director was away. */
  refused = 0;

  /** Members are registered at this address, which answers. */
  constructor(directors: readonly DirectorNode[], memberAddress: string) {
    this.#directors = directors;
    this.#memberAddress = memberAddress;
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  /** What was promised and is not there, each in words. */
  async lost(director: DirectorNode): Promise<string[]> {
    const options = { timeoutMs: ANSWER_WITHIN_MS };
    const { members } = await director.client.director.listMembers({}, options);
    const { policy } = await director.client.director.getBalancing({}, options);
    const found = new Map<string, string>([["policy", policy]]);
    for (const { memberId, intent } of members) {
      found.set(`member ${memberId}`, "registered");
      found.set(`intent ${memberId}`, intent?.reason ?? "");
    }
    return [...this.#expected]
      .filter(([key, expectation]) => !expectation.allows(found.get(key)))
      .map(([key, { acknowledged }]) => `${key} is ${found.get(key) ?? "gone"} at ${director.id}, not ${acknowledged}`);
  }

  async #run(): Promise<void> {
    for (let number = 1; !this.#stopped; number += 1) {
      const director = this.#directors[number % this.#directors.length]!;
      if (number % 10 === 1 && this.#members.length < MEMBERS_MAX) await this.#register(director);
      else if (number % 10 === 5) await this.#setPolicy(director, POLICIES[number % POLICIES.length]!);
      else if (this.#members.length > 0) await this.#setIntent(director, number);
      await wait(EVERY_MS);
    }
  }

  #register(director: DirectorNode): Promise<void> {
    const memberId = `registered-${this.#members.length + 1}`;
    return this.#write(
      `member ${memberId}`,
      "registered",
      async (client, options) => {
        const identity = { memberId, label: memberId, address: this.#memberAddress, ttlMs: MEMBER_TTL_MS };
        await client.registerMember({ ...identity, services: [REGISTERED_SERVICE] }, options);
        this.#members.push(memberId);
      },
      director,
    );
  }

  #setPolicy(director: DirectorNode, policy: string): Promise<void> {
    return this.#write("policy", policy, (client, options) => client.setBalancing({ policy }, options), director);
  }

  #setIntent(director: DirectorNode, number: number): Promise<void> {
    const memberId = this.#members[number % this.#members.length]!;
    const reason = `write-${number}`;
    return this.#write(
      `intent ${memberId}`,
      reason,
      (client, options) => client.setIntent({ memberId, kind: IntentKind.CORDONED, reason }, options),
      director,
    );
  }

  async #write(
    key: string,
    value: string,
    write: (
      client: DirectorNode["client"]["director"],
      options: { timeoutMs: number; waitForReady: boolean },
    ) => Promise<{ member?: Member | undefined } | object | void>,
    { client }: DirectorNode,
  ): Promise<void> {
    let expectation = this.#expected.get(key);
    if (!expectation) this.#expected.set(key, (expectation = new Expectation()));
    try {
      await write(client.director, { timeoutMs: ANSWER_WITHIN_MS, waitForReady: false });
      expectation.note(value, true);
      this.acknowledged += 1;
    } catch {
      expectation.note(value, false);
      this.refused += 1;
    }
  }
}
