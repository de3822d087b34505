/** The contract of the storm's workers, written to a file for whoever wants one. */
export const STORM_PROTO = `syntax = "proto3";

package storm.v1;

// What callers cancel in storms, and what must go on beside it.
service StormService {
  rpc Echo(Note) returns (Note);
  // Answers when the caller is gone.
  rpc Wait(Note) returns (Note);
  rpc Collect(stream Note) returns (Note);
  // Ten notes at once, then fifty a second without end.
  rpc Feed(Note) returns (stream Note);
  rpc Chat(stream Note) returns (stream Note);
}

message Note {
  string text = 1;
}
`;
