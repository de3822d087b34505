import type { ServerResponse } from "node:http";

import type { FastifyReply } from "fastify";

import type { CallEnd, CallListener, OutgoingCall } from "../../core/call";
import { endOfError } from "../../core/call-end";
import type { CallMetadata } from "../../core/call-metadata";
import type { CancelTimer, Clock } from "../../core/clock";
import type { FabricError } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { Status } from "../../core/status";
import { limitStall, STALL_MAX_MS } from "../guard/stall-limit";
import { addMetadata, metadataJson, type AnswerHeaders } from "./answer-metadata";
import type { CallShape } from "./call-shape";
import { errorBodyOf } from "./error-body";
import { breakOff, httpStatusOfEnd, sendError } from "./http-refusal";
import type { StreamForm } from "./stream-form";

/** After that long without an answer the response begins anyway: its reader sees that the call goes on, and an EventSource that it is open. */
const COMMIT_AFTER_MS = 1_000;
/** Proxies cut what is silent for a minute or so. */
const SIGN_OF_LIFE_MS = 15_000;

export interface StreamAnswerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shape: CallShape;
  readonly form: StreamForm;
}

/**
 * A stream of answers as a response that goes on, each sent as it comes. The HTTP status is that of the call while nothing has been sent; later
 * the last thing sent says how the call ended. A reader that is slow stops the worker; one that goes away cancels the call.
 */
export class StreamAnswer implements CallListener {
  readonly #reply: FastifyReply;
  readonly #raw: ServerResponse;
  readonly #options: StreamAnswerOptions;
  #call: OutgoingCall | undefined;
  #cancelTimer: CancelTimer;
  #failure: FabricError | undefined;
  #isBegun = false;
  #isBlocked = false;
  #isOver = false;
  #sequence = 0;
  /** After `send` of a request returned false. */
  drained: () => void = () => {};

  constructor(reply: FastifyReply, options: StreamAnswerOptions) {
    this.#reply = reply;
    this.#raw = reply.raw;
    this.#options = options;
    this.#cancelTimer = options.clock.after(COMMIT_AFTER_MS, () => this.#live());
  }

  /** @param sequence - messages that the caller has already, which the answer goes on after */
  watch(call: OutgoingCall, sequence = 0): void {
    this.#call = call;
    if (this.#raw.destroyed) call.cancel(); // it went while another director was looked for
    this.#sequence = sequence;
    this.#raw.on("close", () => {
      if (this.#isOver) return;
      this.#cancelTimer();
      call.cancel();
    });
    this.#raw.on("drain", () => {
      if (this.#isOver) return;
      this.#isBlocked = false;
      this.#waitForLife();
      call.resume();
    });
  }

  /** Ends the call, and the answer with this. */
  fail(error: FabricError): void {
    this.#failure ??= error;
    this.#call?.resume();
    this.#call?.cancel();
  }

  // ---- CallListener ----------------------------------------------------------------------------------------------------

  headers(metadata: CallMetadata): void {
    this.#begin(metadata);
  }

  message(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    let text: string;
    try {
      text = this.#options.shape.answer(bytes) as string;
    } catch (error) {
      this.fail(error as FabricError);
      return;
    }
    this.#sequence += 1;
    this.#begin(undefined);
    this.#write(this.#options.form.message(text, this.#sequence));
  }

  ended(end: CallEnd): void {
    this.#isOver = true;
    this.#cancelTimer();
    try {
      if (!this.#raw.destroyed) this.#end(end);
    } catch (error) {
      breakOff(this.#reply, error, this.#options.logger);
    }
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #end(end: CallEnd): void {
    const failure = this.#failure;
    const outcome: CallEnd = failure === undefined ? end : { ...endOfError(failure), error: failure };
    const { shape, form } = this.#options;
    const isOk = outcome.status === Status.OK;
    if (!isOk && !this.#isBegun) {
      const headers: AnswerHeaders = {};
      addMetadata(headers, outcome.trailers, shape.naming.trailer);
      if (!this.#reply.request.raw.complete) this.#reply.header("connection", "close");
      sendError(this.#reply.headers(headers), httpStatusOfEnd(outcome), errorBodyOf(outcome, shape.registry));
      return;
    }
    this.#begin(undefined);
    const metadata = metadataJson(outcome.trailers);
    const last = isOk ? form.end({ metadata }) : form.error({ ...errorBodyOf(outcome, shape.registry), metadata });
    const request = this.#reply.request.raw;
    limitStall(request.socket, STALL_MAX_MS);
    this.#raw.end(last, () => {
      if (!request.complete) request.socket.destroySoon();
    });
  }

  #begin(metadata: CallMetadata | undefined): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const { form, shape } = this.#options;
    const headers: AnswerHeaders = {
      "content-type": form.contentType,
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    if (metadata !== undefined) addMetadata(headers, metadata, shape.naming.header);
    this.#reply.hijack();
    this.#raw.writeHead(200, { ...this.#reply.getHeaders(), ...headers } as AnswerHeaders);
    this.#raw.flushHeaders();
    this.#waitForLife();
  }

  #write(text: string): void {
    if (this.#raw.destroyed || this.#raw.write(text) || this.#isBlocked) return;
    this.#isBlocked = true;
    this.#call?.pause();
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(STALL_MAX_MS, () => this.#raw.destroy());
  }

  #waitForLife(): void {
    this.#cancelTimer();
    if (this.#isOver) return;
    this.#cancelTimer = this.#options.clock.after(SIGN_OF_LIFE_MS, () => this.#live());
  }

  #live(): void {
    if (!this.#isBegun) {
      this.#begin(undefined);
      return;
    }
    this.#waitForLife();
    const { signOfLife } = this.#options.form;
    if (signOfLife !== "") this.#write(signOfLife);
  }
}
