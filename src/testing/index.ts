/** "heddle/testing": a whole cluster in one process, on virtual time, whose faults a test chooses. See docs/testing.md. */
export { createTestCluster, type TestClientOptions, type TestCluster, type TestClusterOptions } from "./test-cluster";
export { ClusterAssertionError } from "./cluster-log";
export { expectConverged, expectDrainedWithin, expectRoutedTo } from "./expectations";
export { heddleMatchers, type HeddleMatchers, type MatcherResult } from "./matchers";
export type { TestDirector, TestMember } from "./test-director";
export type { Named, TestNetwork } from "./test-network";
export type { ProcessState, TestProcess } from "./test-process";
export type { TestStore } from "./test-store";
export type { ArrivedCall, TestAgentHandler, TestServices, TestWorker, WorkerSurroundings } from "./test-worker";
export type { Faults as StoreFaults } from "./faulty-store";
export type { NetworkConditions } from "./network-conditions";
export type { Clock } from "../core/clock";
export type { Random } from "../core/random";
