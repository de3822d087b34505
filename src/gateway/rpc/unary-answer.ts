import type { FastifyReply } from "fastify";

import type { CallEnd, CallListener, OutgoingCall } from "../../core/call";
import { endOfError } from "../../core/call-end";
import type { CallMetadata } from "../../core/call-metadata";
import { FabricError } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { Status } from "../../core/status";
import { addMetadata, type AnswerHeaders } from "./answer-metadata";
import type { CallShape } from "./call-shape";
import { errorBodyOf } from "./error-body";
import { breakOff, httpStatusOfEnd, sendError } from "./http-refusal";

/** One answer as the body of an HTTP response. Nothing is sent before the call has ended: only its status tells whether the answer counts. */
export class UnaryAnswer implements CallListener {
  readonly #reply: FastifyReply;
  readonly #shape: CallShape;
  readonly #logger: Logger;
  #call: OutgoingCall | undefined;
  #metadata: CallMetadata | undefined;
  #body: string | Uint8Array = "";
  #count = 0;
  #failure: FabricError | undefined;
  #isOver = false;
  /** After `send` of a request returned false. */
  drained: () => void = () => {};

  constructor(reply: FastifyReply, { shape, logger }: { readonly shape: CallShape; readonly logger: Logger }) {
    this.#reply = reply;
    this.#shape = shape;
    this.#logger = logger;
  }

  /** The caller who goes away cancels the call. */
  watch(call: OutgoingCall): void {
    this.#call = call;
    if (this.#reply.raw.destroyed) call.cancel(); // it went while another director was looked for
    this.#reply.raw.on("close", () => {
      if (!this.#isOver) call.cancel();
    });
  }

  /** Ends the call, and answers with this. */
  fail(error: FabricError): void {
    this.#failure ??= error;
    this.#call?.cancel();
  }

  // ---- CallListener ----------------------------------------------------------------------------------------------------

  headers(metadata: CallMetadata): void {
    this.#metadata = metadata;
  }

  message(bytes: Uint8Array): void {
    this.#count += 1;
    if (this.#count > 1) return;
    try {
      this.#body = this.#shape.answer(bytes);
    } catch (error) {
      this.fail(error as FabricError);
    }
  }

  ended(end: CallEnd): void {
    this.#isOver = true;
    try {
      if (!this.#reply.raw.destroyed) this.#answer(end);
    } catch (error) {
      breakOff(this.#reply, error, this.#logger);
    }
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #answer(end: CallEnd): void {
    const reply = this.#reply;
    const outcome = this.#outcomeOf(end);
    reply.headers(this.#headersOf(outcome));
    // A body that is still coming would have to be read to its end before the connection can be used again.
    if (!reply.request.raw.complete) reply.header("connection", "close");
    if (outcome.status === Status.OK) {
      reply.header("content-type", this.#shape.answerType).send(this.#body);
    } else {
      sendError(reply, httpStatusOfEnd(outcome), errorBodyOf(outcome, this.#shape.registry));
    }
  }

  #outcomeOf(end: CallEnd): CallEnd {
    const failure = this.#failure ?? (end.status === Status.OK ? this.#miscount() : undefined);
    return failure === undefined ? end : { ...endOfError(failure), error: failure };
  }

  #miscount(): FabricError | undefined {
    if (this.#count === 1) return undefined;
    const what = `the worker answered ${this.#count} messages instead of one`;
    return new FabricError("REMOTE", what, { status: Status.INTERNAL });
  }

  #headersOf({ trailers }: CallEnd): AnswerHeaders {
    const headers: AnswerHeaders = {};
    const { naming } = this.#shape;
    if (this.#metadata !== undefined) addMetadata(headers, this.#metadata, naming.header);
    addMetadata(headers, trailers, naming.trailer);
    return headers;
  }
}
