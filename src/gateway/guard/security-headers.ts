/**
 * On every answer. A page (the dashboard, /docs) replaces the policy by one of its own, which allows what it needs; all else is data that
 * no browser should run, frame or take for another type.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
};
