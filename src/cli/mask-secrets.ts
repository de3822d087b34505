const MASK = "(masked)";

/** Names under which people keep what nobody else may see. Files are named by path, which is no secret. */
const SECRET_NAME = /pass(word|wd|phrase)?$|secret|token|credential|api[-_]?key|private|cookie|authorization|bearer/i;
const PATH_NAME = /_?file$/i;

/** Secrets in the midst of a text; what is kept of each comes first. */
const SECRETS_IN_TEXT: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [^-]*-----[\s\S]*?(-----END [^-]*-----|$)/g, MASK],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${MASK}@`],
  [/\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}/gi, `$1 ${MASK}`],
  [
    /\b(pass(?:word|wd|phrase)?|secret|token|credentials?|api[-_]?key|cookie|authorization)(\s*[=:]\s*)[^\s,;&]+/gi,
    `$1$2${MASK}`,
  ],
];

/** The value of a setting, tag or field of this name; a mask where the name says that it is secret, or the secret part of a text that has one. */
export function masked(name: string, value: string): string {
  if (value !== "" && SECRET_NAME.test(name) && !PATH_NAME.test(name)) return MASK;
  return SECRETS_IN_TEXT.reduce((text, [secret, instead]) => text.replace(secret, instead), value);
}

/** A copy of plain data in which secrets are masked, wherever they are in it. Values under `parameters` and `metadata` are users' own, and masked all. */
export function maskedDeep(data: unknown, name = ""): unknown {
  if (typeof data === "string") return masked(name, data);
  if (Array.isArray(data)) return data.map((each: unknown) => maskedDeep(each, name));
  if (typeof data !== "object" || data === null) return data;
  const isUsersOwn = name === "parameters" || name === "metadata";
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, isUsersOwn ? MASK : maskedDeep(value, key)]),
  );
}
