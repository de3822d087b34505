/** A server-sent event (WHATWG HTML §9.2) as the gateway writes them: one line each of id, event and data. */
export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/**
 * Reads server-sent events until the stream ends or `signal` aborts. EventSource would do the same, but cannot say why a director refuses.
 * @throws Error with what the director says, or what the network does
 */
export async function readEvents(
  url: string,
  signal: AbortSignal,
  tell: (event: StreamEvent) => void,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  for await (const block of readParts(url, { signal, headers: { accept: "text/event-stream", ...headers } }, "\n\n")) {
    const fields: Record<string, string> = {};
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
    }
    const { id = "", event = "message", data } = fields;
    if (data !== undefined) tell({ id, event, data });
  }
}

/** The parts of a body that goes on, as they come, without what is between them. An unfinished last part is left off. */
export async function* readParts(url: string, init: RequestInit, separator: string): AsyncGenerator<string> {
  const response = await fetch(url, { cache: "no-store", ...init });
  if (!response.ok || !response.body) throw new Error(await refusalOf(response));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split(separator);
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** What an answer that is no success says, in words. */
export async function refusalOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === "string" && message !== "") return message;
  } catch {
    // Not JSON: what is in between answered, a proxy say.
  }
  return `the director answered ${response.status}${text === "" ? "" : `: ${text.slice(0, 200)}`}`;
}
