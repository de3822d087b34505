import type { MemberState } from "../core/member";
import type { Random } from "../core/random";
import type { TrackedMember } from "./tracked-member";

/** The members by id, with what the rules ask of all of them: counts, a random few, a member by label and address. */
export class Roster {
  readonly #members = new Map<string, TrackedMember>();
  /** The same members in no order, so that a random one costs O(1). */
  readonly #dense: TrackedMember[] = [];
  readonly #positions = new Map<string, number>();
  readonly #reported = new Map<string, string>();
  readonly #counts: Record<MemberState, number> = { joining: 0, alive: 0, suspect: 0, dead: 0, draining: 0, left: 0 };
  #beating = 0;

  get size(): number {
    return this.#dense.length;
  }

  get countByState(): Readonly<Record<MemberState, number>> {
    return this.#counts;
  }

  /** Attached members that are not gone. */
  get beatingCount(): number {
    return this.#beating;
  }

  get(memberId: string): TrackedMember | undefined {
    return this.#members.get(memberId);
  }

  /** In order of arrival. Members may be removed meanwhile. */
  values(): IterableIterator<TrackedMember> {
    return this.#members.values();
  }

  findReported(label: string, address: string): TrackedMember | undefined {
    const memberId = this.#reported.get(placeOf({ label, address }));
    return memberId === undefined ? undefined : this.#members.get(memberId);
  }

  add(member: TrackedMember): void {
    this.#members.set(member.memberId, member);
    this.#positions.set(member.memberId, this.#dense.length);
    this.#dense.push(member);
    this.#count(member, 1);
  }

  remove(member: TrackedMember): void {
    this.#count(member, -1);
    this.#members.delete(member.memberId);
    const position = this.#positions.get(member.memberId)!;
    this.#positions.delete(member.memberId);
    const last = this.#dense.pop()!;
    if (last === member) return;
    this.#dense[position] = last;
    this.#positions.set(last.memberId, position);
  }

  /** The only way to a new record, so that counts and index always fit. */
  replaceRecord(member: TrackedMember, record: TrackedMember["record"]): void {
    this.#count(member, -1);
    member.record = record;
    this.#count(member, 1);
  }

  /**
   * At most `count` distinct members that are `eligible`, each choice of them equally likely. Looks at all of them only
   * where few are eligible.
   */
  sample(count: number, random: Random, eligible: (member: TrackedMember) => boolean): TrackedMember[] {
    const chosen = new Set<TrackedMember>();
    for (let attempt = 0; attempt < 8 * count && chosen.size < count && this.#dense.length > 0; attempt += 1) {
      const member = this.#dense[random.below(this.#dense.length)]!;
      if (eligible(member)) chosen.add(member);
    }
    if (chosen.size === count) return [...chosen];
    const rest = this.#dense.filter(eligible);
    while (chosen.size < count && rest.length > 0) {
      const position = random.below(rest.length);
      chosen.add(rest[position]!);
      rest[position] = rest[rest.length - 1]!;
      rest.pop();
    }
    return [...chosen];
  }

  #count(member: TrackedMember, step: 1 | -1): void {
    const { state, liveness, memberId } = member.record;
    this.#counts[state] += step;
    if (liveness.kind === "attached") {
      if (state !== "dead" && state !== "left") this.#beating += step;
      return;
    }
    const place = placeOf(member.record);
    if (step === 1) this.#reported.set(place, memberId);
    else if (this.#reported.get(place) === memberId) this.#reported.delete(place);
  }
}

function placeOf({ label, address }: { readonly label: string; readonly address: string }): string {
  return JSON.stringify([label, address]);
}
