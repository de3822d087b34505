import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../../src/config/config-error";
import { loadClientConfig, loadDirectorConfig, loadWorkerConfig, SETTINGS_TABLES } from "../../../src/config/roles";
import type { Setting } from "../../../src/config/setting";
import { ROOT } from "../../support/source-files";

const ALL = Object.entries(SETTINGS_TABLES).flatMap(([role, table]) =>
  Object.entries<Setting<unknown>>(table).map(([option, setting]) => ({ role, option, setting })),
);

describe("Settings of the roles", () => {
  it("R-01 the defaults are those of the documents we follow", () => {
    expect(loadDirectorConfig({})).toMatchObject({ listenAddress: "127.0.0.1:61000", balancer: "least-connections" });
    expect(loadWorkerConfig({})).toMatchObject({
      label: "worker-1",
      memberId: "worker-1",
      listenAddress: "127.0.0.1:62001",
      directors: ["127.0.0.1:61000"],
      failureEnabled: false,
      slots: 0,
    });
    expect(loadClientConfig({})).toMatchObject({ directors: ["127.0.0.1:61000"], mode: "auto" });
  });

  it("R-01 RUST_LOG and LOG_LEVEL set the log level, and a list of targets does no harm", () => {
    expect(loadWorkerConfig({ RUST_LOG: "debug" }).logLevel).toBe("debug");
    expect(loadWorkerConfig({ RUST_LOG: "rpcnet=trace,warn" }).logLevel).toBe("warn");
    expect(loadWorkerConfig({ RUST_LOG: "rpcnet=trace" }).logLevel).toBe("info");
    expect(loadWorkerConfig({ RUST_LOG: "debug", LOG_LEVEL: "WARNING" }).logLevel).toBe("warn");
    expect(loadWorkerConfig({ LOG_LEVEL: "warn", HEDDLE_LOG_LEVEL: "error" }).logLevel).toBe("error");
  });

  it("P-06 PICCOLO's variables start a worker that beats every 30 s", () => {
    const env = { PICCOLO_MASTER_IP: "10.1.2.3", PICCOLO_NODE_ROLE: "sub", PICCOLO_NODE_NAME: "vehicle-7" };
    expect(loadWorkerConfig(env)).toMatchObject({
      directors: ["10.1.2.3:61000"],
      role: "sub",
      label: "vehicle-7",
      heartbeatIntervalMs: 30_000,
    });
    expect(loadWorkerConfig({ ...env, HEDDLE_WORKER_HEARTBEAT_MS: "500" }).heartbeatIntervalMs).toBe(500);
    expect(loadWorkerConfig({ ...env, HEDDLE_WORKER_HEARTBEAT_MS: "0" }).heartbeatIntervalMs).toBe(0);
    expect(loadWorkerConfig({ ...env, ROLE: "agent" })).toMatchObject({ role: "agent", heartbeatIntervalMs: 0 });
  });

  it("H-02 ROLE, NODE_ID and AGENT_TYPE say what the member is", () => {
    const env = { ROLE: "agent", NODE_ID: "n1", AGENT_TYPE: "Storage", WORKER_TAGS: "zone=a" };
    expect(loadWorkerConfig(env)).toMatchObject({
      role: "agent",
      memberId: "n1",
      tags: { zone: "a", agent_type: "storage" },
    });
    expect(loadWorkerConfig({ ...env, WORKER_TAGS: "agent_type=mine" }).tags).toEqual({ agent_type: "mine" });
    expect(() => loadWorkerConfig({ AGENT_TYPE: "cooking" })).toThrow("monitoring, storage, compute, network, generic");
  });

  it("zero slots are refused with the way to say what was meant", () => {
    expect(() => loadWorkerConfig({ WORKER_SLOTS: "0" })).toThrow("leave it unset for no bound");
    expect(loadWorkerConfig({ WORKER_SLOTS: "4" }).slots).toBe(4);
  });

  it("who listens at every interface must say where others find it", () => {
    expect(() => loadWorkerConfig({ WORKER_ADDR: "0.0.0.0:62001" })).toThrow("set WORKER_ADVERTISE_ADDR");
    expect(() => loadDirectorConfig({ DIRECTOR_ADDR: "[::]:61000" })).toThrow("set HEDDLE_ADVERTISE_ADDR");
    const env = { WORKER_ADDR: "0.0.0.0:62001", WORKER_ADVERTISE_ADDR: "w1:62001" };
    expect(loadWorkerConfig(env).advertiseAddress).toBe("w1:62001");
    expect(() => loadWorkerConfig({ WORKER_ADVERTISE_ADDR: "0.0.0.0:62001" })).toThrow("not 0.0.0.0");
  });

  it("the director is durable by default, in a folder of its port, except at a port of chance", () => {
    expect(loadDirectorConfig({ DIRECTOR_ADDR: "127.0.0.1:61005" }).dataDir).toBe(".heddle/61005");
    expect(loadDirectorConfig({ DIRECTOR_ADDR: "127.0.0.1:0" }).dataDir).toBe("memory");
    expect(loadDirectorConfig({ HEDDLE_DATA_DIR: "memory" }).dataDir).toBe("memory");
    expect(loadDirectorConfig({ HEDDLE_DATA_DIR: "/var/lib/heddle" }).dataDir).toBe("/var/lib/heddle");
  });

  it("files that are of use only together are given together", () => {
    expect(() => loadDirectorConfig({ HEDDLE_TLS_CERT_FILE: "c.pem" })).toThrow("so HEDDLE_TLS_KEY_FILE must be too");
    expect(() => loadWorkerConfig({ HEDDLE_TLS_KEY_FILE: "k.pem" })).toThrow("so HEDDLE_TLS_CERT_FILE must be too");
    expect(() => loadDirectorConfig({ HEDDLE_ETCD_USER: "u" })).toThrow("so HEDDLE_ETCD_PASSWORD_FILE must be too");
  });

  it("the variables of one role do not disturb another in the same environment", () => {
    const env = Object.fromEntries(ALL.map(({ setting }) => [setting.name, ""]));
    expect(() => loadWorkerConfig({ ...env, HEDDLE_QUEUE_MAX: "5", HEDDLE_CLIENT_MODE: "proxy" })).not.toThrow();
    expect(() => loadWorkerConfig({ HEDDLE_QUEU_MAX: "5" })).toThrow(ConfigError);
  });

  it.each(ALL)(
    "$role: $option says in sentences what it means, and its default is right or means unset",
    ({ setting }) => {
      expect(setting.doc).toMatch(/^[A-Z`].*\.$/);
      const isDefaultRight = setting.isValid(setting.defaultValue) || setting.defaultText !== "";
      expect(isDefaultRight).toBe(true);
    },
  );

  it("a variable means the same in every role", () => {
    const definitions = new Map<string, Set<Setting<unknown>>>();
    for (const { setting } of ALL) {
      definitions.set(setting.name, (definitions.get(setting.name) ?? new Set()).add(setting));
    }
    const ambiguous = [...definitions].filter(([, settings]) => settings.size > 1).map(([name]) => name);
    expect(ambiguous).toEqual([
      // The director listens where the others dial: one address, but a list of them for those.
      "DIRECTOR_ADDR",
      // Off for workers unless set, whose directors have them.
      "HEDDLE_FIRST_MESSAGE_TIMEOUT_MS",
      "HEDDLE_STALL_TIMEOUT_MS",
    ]);
  });

  it("every variable and alias is in docs/configuration.md", () => {
    const page = readFileSync(join(ROOT, "docs/configuration.md"), "utf8");
    const names = ALL.flatMap(({ setting }) => [setting.name, ...setting.aliases.map(({ name }) => name)]);
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
