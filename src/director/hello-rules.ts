import { posix } from "node:path";
import { parseDialableAddress } from "../core/address";
import type { Hello } from "../core/attach-messages";
import { FabricError } from "../core/errors";

const ID = /^[A-Za-z0-9._:-]{1,128}$/;
const SERVICE = /^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*$/;
const TAGS_MAX = 64;
const TAG_KEY_MAX = 63;
const TAG_VALUE_MAX = 255;
/** Bound of every text that is kept and shown, and nothing more. */
const TEXT_MAX = 255;
const SERVICES_MAX = 256;
const SLOTS_MAX = 1_000_000;
const HEARTBEAT_MS = { min: 50, max: 60_000 } as const;

/** Services the director itself answers: a worker that serves them too would never be asked. */
const RESERVED = /^(heddle\.v1|grpc\.(health|reflection|channelz))\./;

/**
 * Checks what a worker says of itself, all of it at once.
 *
 * A unix socket must be in `socketDir`, and there is none by default: whoever may attach could otherwise have the director call what only the
 * director's user may reach, such as the socket of a container runtime, which speaks gRPC too. Abstract sockets have no owner at all.
 * @throws FabricError INVALID_ARGUMENT that names each field, its value and the remedy
 */
export function checkHello(hello: Hello, socketDir = ""): void {
  const mistakes = [...mistakesIn(hello, socketDir)];
  if (mistakes.length > 0) throw new FabricError("INVALID_ARGUMENT", mistakes.join("; "));
}

function* mistakesIn(hello: Hello, socketDir: string): Generator<string> {
  yield* mistakesInIdentity(hello, socketDir);
  if (!Number.isSafeInteger(hello.incarnation) || hello.incarnation < 1) {
    yield `incarnation is ${hello.incarnation}: send a whole number from 1 to 2^53 − 1 that rises with every start`;
  }
  const { role, version, descriptorSetHash: hash } = hello;
  const { hostname, platform, cpuModel } = hello.resources;
  yield* mistakesInTexts({ role, version, hostname, platform, cpu_model: cpuModel });
  if (hash !== "" && !/^[0-9a-f]{64}$/.test(hash)) {
    yield `descriptor_set_hash is "${shorten(hash)}": send the SHA-256 of the descriptor set in lower-case hex, or nothing`;
  }
  const { heartbeatIntervalMs: interval } = hello;
  if ((hello.agentsMax ?? 0) > SLOTS_MAX)
    yield `agents_max is ${hello.agentsMax}: at most ${SLOTS_MAX}; 0 for as many as slots`;
  if (interval !== 0 && (interval < HEARTBEAT_MS.min || interval > HEARTBEAT_MS.max)) {
    yield `heartbeat_interval_ms is ${interval}: send 0 for the director's, or ${HEARTBEAT_MS.min} to ${HEARTBEAT_MS.max}`;
  }
}

/** What is asked of every member, whether it has an agent or not. */
export function* mistakesInIdentity(
  member: Pick<Hello, "memberId" | "label" | "address" | "services" | "slots" | "tags">,
  socketDir = "",
): Generator<string> {
  if (!ID.test(member.memberId)) {
    yield `member_id is "${shorten(member.memberId)}": use 1 to 128 characters of letters, digits and . _ : -`;
  }
  try {
    const address = parseDialableAddress(member.address, "address");
    if ("path" in address && !isIn(socketDir, address.path)) {
      yield `address is "${shorten(member.address)}": the director calls unix sockets only in its HEDDLE_WORKER_SOCKET_DIR, which is "${socketDir}"`;
    }
  } catch (error) {
    yield error instanceof FabricError ? error.message.replace(/^\[\w+\] /, "") : String(error);
  }
  yield* mistakesInTexts({ label: member.label });
  if (member.services.length > SERVICES_MAX) yield `services has ${member.services.length}: at most ${SERVICES_MAX}`;
  for (const service of member.services.slice(0, SERVICES_MAX)) {
    if (!SERVICE.test(service) || service.length > TEXT_MAX)
      yield `services has "${shorten(service)}": use the full name, such as "shop.v1.CartService"`;
    else if (RESERVED.test(service)) yield `services has "${service}": that name belongs to the director`;
  }
  if (member.slots > SLOTS_MAX) yield `slots is ${member.slots}: at most ${SLOTS_MAX}; 0 for no bound`;
  yield* mistakesInTags(member.tags);
}

function isIn(folder: string, path: string): boolean {
  return folder !== "" && path.startsWith("/") && posix.normalize(path).startsWith(`${posix.resolve(folder)}/`);
}

/** A record must fit into the store, and its names into a line of a log. */
function* mistakesInTexts(texts: Readonly<Record<string, string>>): Generator<string> {
  for (const [field, text] of Object.entries(texts)) {
    if (text.length > TEXT_MAX) yield `${field} is ${text.length} characters long: at most ${TEXT_MAX}`;
  }
}

function* mistakesInTags(tags: Hello["tags"]): Generator<string> {
  const entries = Object.entries(tags);
  if (entries.length > TAGS_MAX) yield `tags has ${entries.length} entries: at most ${TAGS_MAX}`;
  for (const [key, value] of entries.slice(0, TAGS_MAX)) {
    if (key.length === 0 || key.length > TAG_KEY_MAX || !/^[\w./-]+$/.test(key)) {
      yield `tag key "${shorten(key)}": use 1 to ${TAG_KEY_MAX} characters of letters, digits and . _ - /`;
    }
    if (value.length > TAG_VALUE_MAX)
      yield `tag "${shorten(key)}" is ${value.length} characters long: at most ${TAG_VALUE_MAX}`;
  }
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
