/** gRPC status codes, as numbered by the gRPC specification ("Status codes and their use in gRPC"). */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type Status = (typeof Status)[keyof typeof Status];
export type StatusName = keyof typeof Status;

const NAMES = Object.keys(Status) as StatusName[];

/** "UNAVAILABLE" for 14; "UNKNOWN" for a number that is no status code. */
export function statusName(code: number): StatusName {
  return NAMES[code] ?? "UNKNOWN";
}
