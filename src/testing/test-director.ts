import { MemberState } from "../../generated/heddle/v1/member";
import type { DirectorServiceDefinition } from "../wire/contract";
import type { TypedClient } from "../rpc/service/typed-client";
import type { DirectorOptions, MemoryCluster, RunningDirector } from "./memory-cluster";
import { TestProcess } from "./test-process";

/** A worker as a director sees it. */
export interface TestMember {
  readonly name: string;
  readonly state: "joining" | "alive" | "suspect" | "draining" | "dead" | "left" | "unspecified";
  /** Whether this director gives it calls now. */
  readonly ready: boolean;
  /** Why not; "" when it does. */
  readonly notReadyReason: string;
  /** The director that it is attached to. */
  readonly home: string;
}

/** A director of the test cluster. */
export class TestDirector extends TestProcess {
  readonly #options: DirectorOptions;
  #running!: RunningDirector;

  constructor(memory: MemoryCluster, name: string, options: DirectorOptions) {
    super(memory, name, `${name}:61000`);
    this.#options = options;
  }

  /** Its control service, as an operator calls it, whose network has no faults but those of this director's machine. */
  get rpc(): TypedClient<DirectorServiceDefinition> {
    return this.#running.rpc;
  }

  /** The members as it shows them, by name. Lets time pass: a few milliseconds for the answer. */
  async members(): Promise<readonly TestMember[]> {
    const { members } = await this.memory.outcome(this.rpc.listMembers({}));
    return members.map(({ memberId, state, ready, notReadyReason, homeDirectorId }) => {
      return { name: memberId, state: nameOf(state), ready, notReadyReason, home: homeDirectorId };
    });
  }

  /** The names of the workers that it gives calls now, in order. */
  async ready(): Promise<readonly string[]> {
    return (await this.members()).filter(({ ready }) => ready).map(({ name }) => name);
  }

  protected begin(): void {
    this.#running = this.memory.launchDirector(this.name, this.#options);
  }

  protected started(): Promise<unknown> {
    return this.#running.started;
  }

  protected end(options: { readonly graceMs?: number }): Promise<void> {
    return this.#running.director.stop(options);
  }
}

const STATES = new Map(Object.entries(MemberState).map(([name, state]) => [state, name.toLowerCase()]));

function nameOf(state: MemberState): TestMember["state"] {
  return (STATES.get(state) ?? "unspecified") as TestMember["state"];
}
