import type { DirectorInfo } from "../wire/contract";
import { intentKindFromWire, intentKindToWire } from "../wire/member-codec";
import { ago } from "./ages";
import type { OperatorParts } from "./operator";
import { resolveId, type Asking, type Sought } from "./resolve-id";
import { printTable, type Column } from "./table";
import { CommandError, EXIT } from "./terminal";

export type DirectorsParts = Pick<OperatorParts, "operator" | "terminal" | "clock" | "timeoutMs">;

export const DIRECTORS: Sought = { one: "director", many: "directors", list: "heddle directors ls" };

/** A director as `--json` shows it. Keys stay as they are; new ones may come. */
export function plainDirector({ directorId: id, address, leader, self, startedAtUnixMs, ...rest }: DirectorInfo) {
  const { version, httpAddress, intent } = rest;
  return {
    id,
    address,
    httpAddress,
    leader,
    self,
    version,
    startedAtUnixMs: Number(startedAtUnixMs),
    intent: wantedOf(intent),
    reason: intent?.reason ?? "",
    setBy: intent?.setBy ?? "",
  };
}

function wantedOf(intent: DirectorInfo["intent"]): string {
  return (intent && intentKindFromWire(intent.kind)) ?? "serving";
}

/** `heddle directors ls`. */
export async function listDirectors(
  parts: DirectorsParts,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): Promise<number> {
  const { terminal } = parts;
  const directors = await allDirectors(parts);
  if (quiet) for (const { directorId } of directors) terminal.out(directorId);
  else if (json) terminal.out(JSON.stringify(directors.map(plainDirector), undefined, 2));
  else printDirectors(parts, directors);
  return EXIT.ok;
}

export function printDirectors(
  { terminal, clock }: Pick<DirectorsParts, "terminal" | "clock">,
  directors: readonly DirectorInfo[],
): void {
  const nowMs = clock.wallMs();
  const columns: readonly Column<DirectorInfo>[] = [
    { title: "DIRECTOR", cell: ({ directorId }) => directorId },
    { title: "LEADER", cell: ({ leader }) => (leader ? "yes" : "no") },
    { title: "INTENT", cell: ({ intent }) => wantedOf(intent), expendable: 5 },
    { title: "ADDRESS", cell: ({ address }) => address },
    { title: "HTTP", cell: ({ httpAddress }) => httpAddress || "-", expendable: 1 },
    { title: "VERSION", cell: ({ version }) => version, expendable: 2 },
    { title: "STARTED", cell: ({ startedAtUnixMs }) => ago(nowMs, startedAtUnixMs), expendable: 3 },
    { title: "ANSWERS", cell: ({ self }) => (self ? "this" : ""), expendable: 4 },
  ];
  printTable(terminal, columns, directors, ({ intent }) => (wantedOf(intent) === "serving" ? undefined : "yellow"));
}

export async function allDirectors({ operator, timeoutMs }: Asking): Promise<readonly DirectorInfo[]> {
  const { directors } = await operator.getTopology({}, { timeoutMs });
  return [...directors].sort((a, b) => (a.directorId < b.directorId ? -1 : 1));
}

/** `heddle directors maintenance`, `resume`. */
export async function setDirectorIntent(
  parts: DirectorsParts,
  order: {
    readonly director: string;
    readonly kind: "maintenance" | "serving";
    readonly reason: string;
    readonly setBy: string;
    readonly json: boolean;
  },
): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const { kind, reason, setBy, json } = order;
  const ids = (await allDirectors(parts)).map(({ directorId }) => directorId);
  const directorId = resolveId(order.director, ids, DIRECTORS);
  const asked = { directorId, kind: intentKindToWire(kind), reason, setBy };
  const { director } = await operator.setDirectorIntent(asked, { timeoutMs });
  if (json) terminal.out(JSON.stringify(director && plainDirector(director), undefined, 2));
  else if (kind === "serving") terminal.out(`${directorId} passes calls on again`);
  else {
    terminal.out(`${directorId} passes no calls on. Undo: heddle directors resume ${directorId}`);
    terminal.err("Its workers stay, and the calls that it has go on.");
  }
  return EXIT.ok;
}

/** `heddle leader`. */
export async function showLeader({ operator, terminal, timeoutMs }: DirectorsParts, json: boolean): Promise<number> {
  const { directorId, address, epoch } = await operator.getLeader({}, { timeoutMs });
  if (json) {
    terminal.out(JSON.stringify({ id: directorId, address, epoch: Number(epoch) }, undefined, 2));
    return EXIT.ok;
  }
  if (directorId === "") throw new CommandError(EXIT.notFound, "nobody leads now", "heddle directors ls");
  terminal.out(`${directorId} leads, at ${address} (epoch ${epoch})`);
  return EXIT.ok;
}

/** `heddle leader transfer`. */
export async function transferLeadership(
  parts: DirectorsParts,
  { director, json }: { readonly director: string; readonly json: boolean },
): Promise<number> {
  const { operator, terminal, timeoutMs } = parts;
  const ids = director === "" ? [] : (await allDirectors(parts)).map(({ directorId }) => directorId);
  const directorId = director === "" ? "" : resolveId(director, ids, DIRECTORS);
  const leader = await operator.transferLeadership({ directorId }, { timeoutMs });
  const epoch = Number(leader.epoch);
  if (json) terminal.out(JSON.stringify({ id: leader.directorId, epoch }, undefined, 2));
  else terminal.out(`${leader.directorId} leads now (epoch ${epoch})`);
  return EXIT.ok;
}
