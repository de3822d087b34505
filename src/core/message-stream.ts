/**
 * One end of a bidirectional stream of messages: the seam between what decides and what transports. `wire/` makes them of
 * gRPC streams; tests and the simulator make them of queues.
 */
export interface MessageStream<Incoming, Outgoing> {
  /**
   * The peer's messages in order. Ends when the peer half-closes; throws a FabricError when the stream breaks or the peer
   * ends it with a status other than OK. To be iterated once.
   */
  readonly incoming: AsyncIterable<Incoming>;
  /**
   * Queues a message, in order. Returns false when it was not taken: the stream is over, or the peer reads so slowly that
   * more than the transport's bound is waiting (the stream is then broken, since control messages must not be lost).
   */
  send(message: Outgoing): boolean;
  /** Resolves when the peer has taken what was sent, at once when it has, or when the stream is over. For what may wait. */
  drained(): Promise<void>;
  /** Half-closes after what was sent. */
  end(): void;
  /** Breaks the stream at once. On the serving side `error` becomes the status that the peer sees. */
  abort(error: Error): void;
}
