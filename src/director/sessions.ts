import type { DirectorMessage, WorkerMessage } from "../core/attach-messages";
import type { FabricError } from "../core/errors";
import type { MessageStream } from "../core/message-stream";

/** One live Attach stream. */
export interface Session {
  readonly sessionId: string;
  readonly memberId: string;
  readonly stream: MessageStream<WorkerMessage, DirectorMessage>;
}

/** The Attach streams that this director holds. */
export class Sessions {
  readonly #bySession = new Map<string, Session>();
  readonly #byMember = new Map<string, Session>();

  get size(): number {
    return this.#bySession.size;
  }

  add(session: Session): void {
    this.#bySession.set(session.sessionId, session);
    this.#byMember.set(session.memberId, session);
  }

  remove(sessionId: string): void {
    const session = this.#bySession.get(sessionId);
    if (!session) return;
    this.#bySession.delete(sessionId);
    if (this.#byMember.get(session.memberId) === session) this.#byMember.delete(session.memberId);
  }

  /** Whether the member is attached here and the message was taken. */
  send(memberId: string, message: DirectorMessage): boolean {
    return this.#byMember.get(memberId)?.stream.send(message) ?? false;
  }

  sendAll(message: DirectorMessage): void {
    for (const { stream } of this.#bySession.values()) stream.send(message);
  }

  /** Ends one stream with this error as its status. */
  close(sessionId: string, error: FabricError): void {
    this.#bySession.get(sessionId)?.stream.abort(error);
    this.remove(sessionId);
  }

  closeAll(error: FabricError): void {
    for (const sessionId of [...this.#bySession.keys()]) this.close(sessionId, error);
  }
}
