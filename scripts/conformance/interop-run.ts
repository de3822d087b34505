/** One case of one client against one server, on one way: what the table, the list of known failures and the report are about. */

/**
 * "grpcio" is Python's, on gRPC's C core. "heddle" is our client on our engine, "heddle-js" the same on grpc-js. grpcurl has cases of its own, and only through the director:
 * what it needs to know, it asks the director's reflection.
 */
export const CLIENTS = ["grpc-go", "grpcio", "grpc-c++", "grpc-js", "heddle", "heddle-js", "grpcurl"] as const;
export const SERVERS = ["grpc-go", "grpcio", "grpc-c++", "grpc-js", "heddle"] as const;
/** Straight to the server, as a baseline; or through a director that it is attached to. */
export const PATHS = ["direct", "director"] as const;
export const TRANSPORTS = ["plain", "tls"] as const;

export type ServerName = (typeof SERVERS)[number];

export interface Lane {
  readonly client: (typeof CLIENTS)[number];
  readonly server: ServerName;
  readonly path: (typeof PATHS)[number];
  readonly transport: (typeof TRANSPORTS)[number];
}

export interface InteropRun extends Lane {
  readonly testCase: string;
  /** What went wrong; undefined when nothing did. */
  readonly failure: string | undefined;
}

/** Where a client finds a server, or the director before it. */
export interface Destination {
  readonly address: string;
  /** PEM file of the authority to trust; undefined for plain text. */
  readonly caFile: string | undefined;
}

/** Runs a case; resolves to what went wrong, or to undefined. */
export interface InteropClient {
  readonly cases: readonly string[];
  run(testCase: string, destination: Destination): Promise<string | undefined>;
}
