import type { HeaderList } from "./header-list";

/**
 * What HTTP/2 demands of header lists (RFC 9113 §8.2, §8.3). Each function says what is wrong, or "" for a valid list, and
 * finds it out once per list. A fault makes the message malformed: a stream error, PROTOCOL_ERROR (§8.1.1).
 */

/** §8.2.2; `te` may be "trailers". Also where a proxy would pass them on to HTTP/1. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

/** Characters of a field name: RFC 9110's token without upper case (§8.2.1). */
const NAME_CHARACTERS = characterTable("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz");

function characterTable(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

/** §8.3.1. `blankEndsAllowed`: see Http2Options. */
export function requestFault(list: HeaderList, blankEndsAllowed = false): string {
  return faultOrBlankEnds(list, (list.requestFault ??= findRequestFault(list)), blankEndsAllowed);
}

/** §8.3.2, also for 1xx. */
export function responseFault(list: HeaderList, blankEndsAllowed = false): string {
  return faultOrBlankEnds(list, (list.responseFault ??= findResponseFault(list)), blankEndsAllowed);
}

/** §8.1: no pseudo-headers after the message's begin. */
export function trailerFault(list: HeaderList, blankEndsAllowed = false): string {
  return faultOrBlankEnds(list, (list.trailerFault ??= fieldsFault(list, 0)), blankEndsAllowed);
}

/** §8.2.1 forbids blanks at the ends of values. */
function faultOrBlankEnds(list: HeaderList, fault: string, blankEndsAllowed: boolean): string {
  return fault === "" && list.hasBlankEnds && !blankEndsAllowed ? "a value begins or ends with a blank" : fault;
}

function findRequestFault(list: HeaderList): string {
  const { fields } = list;
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let at = 0;
  for (; at < fields.length && fields[at]!.charCodeAt(0) === COLON; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    let seen: string | undefined;
    if (name === ":method") [seen, method] = [method, value];
    else if (name === ":scheme") [seen, scheme] = [scheme, value];
    else if (name === ":path") [seen, path] = [path, value];
    else if (name === ":authority") [seen, authority] = [authority, value];
    else return `pseudo-header ${name} in a request`;
    if (seen !== undefined) return `${name} twice`;
    if (!isValue(value) || hasBlankEnd(value)) return `invalid character in ${name}`;
  }
  if (method === undefined || method === "") return "no :method";
  if (method === "CONNECT") {
    // §8.5
    if (scheme !== undefined || path !== undefined) return "CONNECT with :scheme or :path";
    if (authority === undefined) return "CONNECT without :authority";
  } else {
    if (scheme === undefined) return "no :scheme";
    if (path === undefined || path === "") return "no :path";
    if (path.charCodeAt(0) !== SLASH && !(path === "*" && method === "OPTIONS") && scheme.startsWith("http")) {
      return ":path does not begin with a slash";
    }
  }
  return fieldsFault(list, at);
}

function findResponseFault(list: HeaderList): string {
  const { fields } = list;
  if (fields[0] !== ":status") return "no :status";
  if (!/^[1-9][0-9][0-9]$/.test(fields[1]!)) return ":status is not three digits";
  if (fields[1] === "101") return "101 does not exist in HTTP/2"; // §8.6
  return fieldsFault(list, 2);
}

/** Of regular fields, from position `from`. */
function fieldsFault(list: HeaderList, from: number): string {
  const { fields } = list;
  for (let at = from; at < fields.length; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    if (name.charCodeAt(0) === COLON) return `pseudo-header ${name} out of place`;
    if (!isName(name)) return "invalid field name";
    if (!isValue(value)) return `invalid character in ${name}`;
    if (hasBlankEnd(value)) list.hasBlankEnds = true;
    if (name.length <= 17) {
      if (CONNECTION_SPECIFIC.has(name)) return `connection-specific field ${name}`;
      if (name === "te" && value !== "trailers") return "te other than trailers";
      if (name === "content-length" && !noteContentLength(list, value)) return "invalid content-length";
    }
  }
  return "";
}

/** Digits, and the same each time (RFC 9110 §8.6). */
function noteContentLength(list: HeaderList, value: string): boolean {
  if (!/^[0-9]{1,15}$/.test(value)) return false;
  const length = Number(value);
  if (list.contentLength !== -1 && list.contentLength !== length) return false;
  list.contentLength = length;
  return true;
}

function isName(name: string): boolean {
  for (let at = 0; at < name.length; at += 1) if (NAME_CHARACTERS[name.charCodeAt(at)] !== 1) return false;
  return name.length > 0;
}

/** §8.2.1: no NUL, CR, LF. One octet per character. */
function isValue(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code < SPACE && (code === 0 || code === LF || code === CR)) return false;
    if (code > 0xff) return false;
  }
  return true;
}

function hasBlankEnd(value: string): boolean {
  return value !== "" && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)));
}

const SLASH = 0x2f;
const COLON = 0x3a;
const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;

function isBlank(code: number): boolean {
  return code === SPACE || code === 0x09;
}
