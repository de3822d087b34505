import { rawDefinition } from "../../src/api/client";

/**
 * What is called while things break, as a file for who needs the contract. On the wire the messages are bytes of our own (`Call`,
 * `Answer`), which nobody between the ends looks at.
 */
export const CHAOS_PROTO = `syntax = "proto3";

package chaos.v1;

service ChaosService {
  // May run twice.
  rpc Read(Message) returns (Message) {
    option idempotency_level = IDEMPOTENT;
  }
  // Must not: writes its id into the worker's ledger, then answers.
  rpc Append(Message) returns (Message);
  // Answers 1, 2, 3, …
  rpc Count(Message) returns (stream Message);
}

message Message {
  bytes text = 1;
}
`;

/** As the contract, with messages in bytes. */
export const ChaosDefinition = rawDefinition("chaos.v1.ChaosService", {
  read: { idempotent: true },
  append: {},
  count: { responseStream: true },
});

/** How many answers `Count` has, and the pause between them. */
export const COUNTED = 10;
export const COUNT_PAUSE_MS = 50;

/** Members that no call is for, which writes are about. */
export const REGISTERED_SERVICE = "chaos.v1.RegisteredService";
