import type { IncomingHttpHeaders } from "node:http";

export interface AdmissionLimits {
  readonly requestsMax: number;
  readonly bodyMaxBytes: number;
}

/** Bodies of the largest size that may be held at once: 256 MiB with the default size. */
const WHOLE_BODIES_MAX = 64;

/** What one request holds until it is answered. */
export interface Admitted {
  bodyBytes: number;
}

/** Bounds the requests that are in hand at once, and the bytes of their bodies. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #requests = 0;
  #bodyBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** What to give back with `release`, or why there is no room. A body of unknown length counts as the largest. */
  admit(headers: IncomingHttpHeaders): Admitted | string {
    const { requestsMax, bodyMaxBytes } = this.#limits;
    if (this.#requests >= requestsMax) {
      return `${requestsMax} requests are in hand (HEDDLE_HTTP_REQUESTS_MAX): try again later`;
    }
    const length = headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : bodyMaxBytes;
    // A longer one is not received.
    const bodyBytes = length <= bodyMaxBytes ? length : 0;
    if (bodyBytes > 0 && this.#bodyBytes + bodyBytes > bodyMaxBytes * WHOLE_BODIES_MAX) {
      return `requests hold ${this.#bodyBytes} bytes of bodies (${WHOLE_BODIES_MAX} times HEDDLE_HTTP_BODY_MAX_BYTES): try again later`;
    }
    this.#requests += 1;
    this.#bodyBytes += bodyBytes;
    return { bodyBytes };
  }

  /** The body is a stream, of which only a piece is held at a time. */
  releaseBody(admitted: Admitted): void {
    this.#bodyBytes -= admitted.bodyBytes;
    admitted.bodyBytes = 0;
  }

  release(admitted: Admitted): void {
    this.#requests -= 1;
    this.releaseBody(admitted);
  }
}
