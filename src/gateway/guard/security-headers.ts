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

/**
 * Of the pages: nothing comes from elsewhere, runs inline, or can be put into another page. Images within styles are allowed, as Swagger UI
 * has them. Styles are set by script through the CSSOM, which a policy without 'unsafe-inline' allows.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
