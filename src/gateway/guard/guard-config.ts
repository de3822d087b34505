/** Settled settings of what every HTTP port is protected by. */
export interface GuardConfig {
  /** What `HostNames` takes, from HEDDLE_HTTP_HOSTS and what the machine itself is called. */
  readonly hosts: readonly string[];
  /** For headers to arrive, and then for a body that is read whole. */
  readonly receiveTimeoutMs: number;
  readonly headersMaxBytes: number;
  readonly connectionsMax: number;
  readonly requestsMax: number;
}
