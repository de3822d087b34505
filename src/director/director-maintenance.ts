import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import { DEFAULT_INTENT, type Intent } from "../core/member";
import type { Handlers } from "../rpc/service/service-handlers";
import type { Leader } from "../store/election";
import type { Store } from "../store/store";
import type { DirectorInfo, DirectorServiceDefinition } from "../wire/contract";
import { intentKindFromWire, intentToWire } from "../wire/member-codec";
import type { ClusterView } from "./cluster-view";
import { durable, TEXT_MAX } from "./member-rpcs";
import { encodeRecord, KEYS, type DirectorRecord } from "./records";

export interface MaintenanceSwitch {
  /** Calls for workers are refused with DIRECTOR_IN_MAINTENANCE. */
  readonly isOn: boolean;
}

/**
 * Whether an operator has this director in maintenance, kept current by the view. `changed` is told of each change.
 */
export function maintenanceSwitch(
  view: ClusterView,
  directorId: string,
  logger: Logger,
  changed: () => void,
): MaintenanceSwitch {
  const maintenance = { isOn: false };
  view.onChange((changes) => {
    if (!changes.some(({ fact }) => fact.kind === "director-intent" && fact.id === directorId)) return;
    const { kind, reason } = view.directorIntent(directorId);
    if (maintenance.isOn === (kind === "maintenance")) return;
    maintenance.isOn = !maintenance.isOn;
    if (maintenance.isOn) logger.warn("🔧 in maintenance: calls for workers are refused", { reason });
    else logger.info("✅ serving again after maintenance");
    changed();
  });
  return maintenance;
}

export interface DirectorIntentParts {
  readonly directorId: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly view: ClusterView;
  caughtUp(revision: number): Promise<void>;
  leader(): Leader | undefined;
}

export function directorIntentRpcs(
  parts: DirectorIntentParts,
): Pick<Handlers<DirectorServiceDefinition>, "setDirectorIntent"> {
  const { clock, store, view } = parts;
  return {
    setDirectorIntent: async ({ directorId: asked, kind, reason, setBy }) => {
      const directorId = asked || parts.directorId;
      const record = view.directors.get(directorId);
      if (!record) throw new FabricError("MEMBER_NOT_FOUND", `there is no director "${directorId.slice(0, 128)}"`);
      const wanted = intentKindFromWire(kind);
      if (wanted !== "serving" && wanted !== "maintenance") {
        throw new FabricError("INVALID_ARGUMENT", `kind is ${kind}: use SERVING or MAINTENANCE`);
      }
      const intent: Intent = {
        ...DEFAULT_INTENT,
        kind: wanted,
        reason: reason.slice(0, TEXT_MAX),
        setBy: setBy.slice(0, TEXT_MAX),
        setAtUnixMs: Math.floor(clock.wallMs()),
      };
      const key = KEYS.directorIntent(directorId);
      const { revision } = await durable("the intent was not changed", () =>
        store.commit({
          conditions: [],
          // Serving is the rule, and a director that is gone for good would leave its wish behind.
          operations: [
            wanted === "serving" ? { kind: "delete", key } : { kind: "put", key, value: encodeRecord(intent) },
          ],
        }),
      );
      await parts.caughtUp(revision);
      return { director: directorInfo(record, { ...parts, intent }) };
    },
  };
}

/** A director as the RPCs tell of it. */
export function directorInfo(
  { directorId, address, startedAtUnixMs, version, httpAddress = "" }: DirectorRecord,
  parts: Pick<DirectorIntentParts, "directorId" | "leader"> & { readonly intent: Intent },
): DirectorInfo {
  return {
    directorId,
    address,
    leader: directorId === parts.leader()?.directorId,
    self: directorId === parts.directorId,
    startedAtUnixMs: BigInt(startedAtUnixMs),
    version,
    httpAddress,
    intent: intentToWire(parts.intent),
  };
}
