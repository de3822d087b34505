import { parseAddress } from "../../src/core/address";
import { messageOf } from "../../src/core/errors";
import type { InteropStack } from "../../test/support/interop/interop-stacks";
import { type Processes, within } from "../../test/support/processes";
import type { Destination, InteropClient, Lane } from "./interop-run";

/** The longest, orca_oob, polls once a second for up to 30. */
const CASE_MAX_MS = 45_000;

/** Those of grpc-go's CI, and `pick_first_unary`; what needs credentials of a cloud is left out, as there. */
const GO_CASES = [
  ...["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream"],
  ...["timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message"],
  ...["special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service"],
  ...["pick_first_unary", "orca_per_rpc", "orca_oob", "rpc_soak", "channel_soak"],
];

/** Without this policy of its own the client does not look at load reports. */
const GO_SERVICE_CONFIG = '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}';

/** grpc-go's interop client: a process for each case. */
export class GrpcGoClient implements InteropClient {
  readonly cases = GO_CASES;
  readonly #program: string;
  readonly #processes: Processes;

  constructor(program: string, processes: Processes) {
    this.#program = program;
    this.#processes = processes;
  }

  async run(testCase: string, { address, caFile }: Destination): Promise<string | undefined> {
    const { host, port } = parseAddress(address, "the server");
    const client = await this.#processes.spawn(this.#program, {
      name: `grpc-go's client (${testCase})`,
      args: [
        ...[`--server_host=${host}`, `--server_port=${port}`, `--test_case=${testCase}`],
        ...(testCase.startsWith("orca") ? [`--service_config_json=${GO_SERVICE_CONFIG}`] : []),
        ...(caFile === undefined ? [] : ["--use_tls", "--use_test_ca", `--ca_file=${caFile}`]),
      ],
    });
    try {
      const { code } = await client.whenExited(CASE_MAX_MS);
      return code === 0 ? undefined : client.output;
    } catch (error) {
      await client.kill();
      return messageOf(error);
    }
  }
}

/** A client in this process. */
export class InProcessClient implements InteropClient {
  readonly cases: readonly string[];
  readonly #stack: InteropStack;
  readonly #isDirector: boolean;

  constructor(stack: InteropStack, path: Lane["path"]) {
    this.cases = Object.keys(stack.cases);
    this.#stack = stack;
    this.#isDirector = path === "director";
  }

  async run(testCase: string, destination: Destination): Promise<string | undefined> {
    const target = this.#stack.open({ ...destination, isDirector: this.#isDirector });
    try {
      const late = () => new Error(`did not end within ${CASE_MAX_MS} ms`);
      await within(CASE_MAX_MS, this.#stack.cases[testCase]!(target), late);
      return undefined;
    } catch (error) {
      return messageOf(error);
    } finally {
      target.close();
    }
  }
}
