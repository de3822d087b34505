import type { Invariant } from "./invariant";

/**
 * Nobody sends a call to a member that it knows is dead, has left, is suspect, drains, or is kept from serving by its operator. A
 * director knows what the store told it and what it wrote itself, from the next instant on; a client what it was listed last.
 * The fabric's own calls, by which the two come to terms, are none of these.
 */
export const noCallToTheUnfit: Invariant = {
  name: "no-call-to-the-unfit",
  judge: ({ directors, clients, scenario }) => ({
    sent: ({ from, to, path }) => {
      if (path.startsWith("/heddle.v1.")) return undefined;
      const memberId = to.slice(0, to.lastIndexOf(":"));
      if (!scenario.workers.some(({ name }) => name === memberId)) return undefined;
      const director = directors.get(from.name);
      const client = clients.get(from.name);
      const objection = director?.knowledge.objection(memberId) ?? client?.knowledge.objection(to);
      return objection && `${from.name} sent ${path} to ${memberId}, although ${objection}`;
    },
  }),
};
