import type { MemberIdentity } from "../core/member";

const IDENTITY_FIELDS = [
  "memberId",
  "label",
  "address",
  "incarnation",
  "services",
  "descriptorSetHash",
  "slots",
  "tags",
  "resources",
  "role",
  "version",
  "dataKeepalive",
  "liveness",
  "condition",
  "attachment",
  "sharesSlots",
  "takesAgents",
  "agentsMax",
  "standby",
] as const satisfies readonly (keyof MemberIdentity)[];

/** Whether two identities say the same. A different order of keys may count as a difference: that costs one write. */
export function isSameIdentity(one: MemberIdentity, other: MemberIdentity): boolean {
  return IDENTITY_FIELDS.every((field) => JSON.stringify(one[field]) === JSON.stringify(other[field]));
}
