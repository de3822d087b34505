import { FabricError } from "../../core/errors";

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * host:port of a URL.
 * @throws FabricError INVALID_ARGUMENT
 */
export function addressOfUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = url && (url.port || DEFAULT_PORTS[url.protocol]);
  if (!url || !port || DEFAULT_PORTS[url.protocol] === undefined || url.hostname === "") {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `url is "${text.slice(0, 100)}": use one such as "http://127.0.0.1:4402"`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new FabricError(
      "INVALID_ARGUMENT",
      "url has a user name or password, which everybody could read: leave it out",
    );
  }
  return `${url.hostname}:${port}`;
}
