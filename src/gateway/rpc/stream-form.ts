/** How a stream of answers is written. */
export interface StreamForm {
  readonly contentType: string;
  /** Sent while nothing else is; "" for nothing. */
  readonly signOfLife: string;
  /** @param json - in one line @param sequence - of the message in its stream, from 1 */
  message(json: string, sequence: number): string;
  /** The last thing sent of a call that ended well. */
  end(end: object): string;
  /** The last thing sent of one that failed. */
  error(error: object): string;
}

/**
 * A JSON object in each line: `{"result": …}` for a message, then `{"end": {"metadata": …}}` or `{"error": …}` (grpc-gateway's names for the
 * first and the last). A stream whose last line is neither `end` nor `error` was cut.
 */
export const NDJSON: StreamForm = {
  contentType: "application/x-ndjson",
  // An empty line would be no JSON to a strict reader.
  signOfLife: "",
  message: (json) => `{"result":${json}}\n`,
  end: (end) => `{"end":${JSON.stringify(end)}}\n`,
  error: (error) => `{"error":${JSON.stringify(error)}}\n`,
};

/** Server-sent events (html.spec.whatwg.org/multipage/server-sent-events.html): a message each, then the event `end` or `error`. */
export const SERVER_SENT_EVENTS: StreamForm = {
  contentType: "text/event-stream",
  signOfLife: ":\n\n",
  message: (json) => `data: ${json}\n\n`,
  end: (end) => `event: end\ndata: ${JSON.stringify(end)}\n\n`,
  error: (error) => `event: error\ndata: ${JSON.stringify(error)}\n\n`,
};

/** Of a resumable method: a browser that reconnects says the `id` of the last message that it had (`last-event-id`). */
export const RESUMABLE_EVENTS: StreamForm = {
  ...SERVER_SENT_EVENTS,
  message: (json, sequence) => `id: ${sequence}\ndata: ${json}\n\n`,
};
