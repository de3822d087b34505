/** The static table (RFC 7541 appendix A): name and value of indices 1 to 61. */
const STATIC_FIELDS: readonly (readonly [string, string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** Entries of the static table; the first dynamic index is one more. */
export const STATIC_ENTRIES = STATIC_FIELDS.length;

/** By index; the one at 0 is unused. */
export const STATIC_NAMES: readonly string[] = ["", ...STATIC_FIELDS.map(([name]) => name)];
export const STATIC_VALUES: readonly string[] = ["", ...STATIC_FIELDS.map(([, value]) => value)];

/** The first index with this name. */
export const STATIC_INDEX_BY_NAME: ReadonlyMap<string, number> = firstIndices();

/** name → value → index. */
export const STATIC_INDEX_BY_FIELD: ReadonlyMap<string, ReadonlyMap<string, number>> = fieldIndices();

function firstIndices(): Map<string, number> {
  const indices = new Map<string, number>();
  STATIC_FIELDS.forEach(([name], at) => {
    if (!indices.has(name)) indices.set(name, at + 1);
  });
  return indices;
}

function fieldIndices(): Map<string, Map<string, number>> {
  const indices = new Map<string, Map<string, number>>();
  STATIC_FIELDS.forEach(([name, value], at) => {
    const values = indices.get(name) ?? new Map<string, number>();
    values.set(value, at + 1);
    indices.set(name, values);
  });
  return indices;
}
