import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { latestEvents } from "../../../src/cli/events";
import { masked, maskedDeep } from "../../../src/cli/mask-secrets";
import { CallError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import { Lines } from "../../support/cli/lines";
import { runCommand } from "../../support/cli/run-command";
import { sampleCluster } from "../../support/cli/sample-cluster";
import { SAMPLE_AGENTS, sampleMember } from "../../support/cli/sample-members";

describe("heddle debug", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "heddle-debug-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----";
  const SECRETS = ["hunter2", "s3cr3t-tag", "MIIEvQIBADANBg", "eyJhbGciOi", "parameter-value", "swordfish"];

  it("has what helps and no password, key, certificate or value of an agent's parameters", async () => {
    const member = sampleMember("gpu-1", 11, {
      reason: `password=hunter2 while I changed the disk ${KEY}`,
      notReadyReason: "operator: cordoned (authorization: Bearer eyJhbGciOi)",
      tags: { zone: "a", api_token: "s3cr3t-tag" },
    });
    const agent = { ...SAMPLE_AGENTS[1]!, parameters: new Map([["queue", "parameter-value"]]) };
    const cluster = sampleCluster(
      {
        getTopology: () => ({ clusterId: "heddle", members: [member] }),
        getClusterHealth: () => ({ problems: ["gpu-1: postgres://ann:swordfish@db/x is away"] }),
      },
      { listAgents: () => ({ agents: [agent] }) },
    );
    const file = join(folder, "bundle.json.gz");
    const terminal = new Lines();
    const env = {
      USER: "ann",
      ETCD_ENDPOINTS: "http://ann:swordfish@etcd:2379",
      HEDDLE_TLS_KEY_FILE: "/etc/key.pem",
      HEDDLE_TLS_CERT_FILE: "/etc/cert.pem",
    };
    const [code] = await runCommand(["debug", "--output", file], { cluster, terminal, env });
    expect([code, terminal.printed]).toEqual([0, file]);
    const text = gunzipSync(await readFile(file)).toString();
    expect(SECRETS.filter((secret) => text.includes(secret))).toEqual([]);
    const bundle = JSON.parse(text) as Record<string, unknown>;
    expect(Object.keys(bundle)).toEqual([
      "writtenAt",
      "versions",
      "settings",
      "status",
      "nodes",
      "stats",
      "agents",
      "shortages",
      "events",
    ]);
    // What helps is still there.
    for (const kept of ["while I changed the disk", "/etc/key.pem", '"zone": "a"', "node-suspected"]) {
      expect(text).toContain(kept);
    }
    expect(bundle["shortages"]).toEqual([expect.objectContaining({ service: "heddle.compute.v1.ComputeService" })]);
    expect(terminal.lines.at(-1)).toContain("look before you send it");
    expect((await stat(file)).mode & 0o077).toBe(0);
  });

  it("writes over nothing, and is worth having while no director answers", async () => {
    const file = join(folder, "bundle.json.gz");
    const away = () => {
      throw new CallError(Status.UNAVAILABLE, "away");
    };
    const cluster = sampleCluster({ getTopology: away, watchEvents: away as never });
    expect((await runCommand(["debug", "--output", file], { cluster }))[0]).toBe(0);
    const bundle = JSON.parse(gunzipSync(await readFile(file)).toString()) as Record<string, unknown>;
    expect([bundle["unreachable"], bundle["events"]]).toEqual([expect.stringContaining("away"), []]);
    const [code, error] = await runCommand(["debug", "--output", file], { cluster });
    expect([code, error]).toEqual([1, expect.stringContaining("cannot be written")]);
  });

  it("masks by name and by form, in the midst of texts and of data", () => {
    expect(masked("HEDDLE_ETCD_PASSWORD", "x")).toBe("(masked)");
    expect(masked("HEDDLE_ETCD_PASSWORD_FILE", "/run/x")).toBe("/run/x");
    expect(masked("reason", "token: abc, zone a")).toBe("token: (masked), zone a");
    expect(masked("reason", "no token is needed")).toBe("no token is needed");
    expect(masked("address", "https://u:p@host/x")).toBe("https://(masked)@host/x");
    expect(maskedDeep({ metadata: { a: "1" }, list: [{ apiKey: "2", n: 3 }] })).toEqual({
      metadata: { a: "(masked)" },
      list: [{ apiKey: "(masked)", n: 3 }],
    });
  });
});

describe("heddle config", () => {
  it("says which variable sets what, aliases included, and shows the defaults of the others", async () => {
    const env = { PICCOLO_MASTER_IP: "10.0.0.9", WORKER_LABEL: "gpu-1" };
    const terminal = new Lines();
    const [code] = await runCommand(["config", "worker", "--json"], { env, terminal });
    const settings = JSON.parse(terminal.printed) as { variable: string; value: string; source: string }[];
    const of = (name: string) => settings.find(({ variable }) => variable === name);
    expect([code, of("DIRECTOR_ADDR"), of("HEDDLE_LOG_LEVEL")]).toEqual([
      0,
      expect.objectContaining({ value: '["10.0.0.9:61000"]', source: "PICCOLO_MASTER_IP" }),
      expect.objectContaining({ value: "info", source: "default" }),
    ]);
  });

  it("refuses what a start would refuse, with all mistakes", async () => {
    const env = { HEDDLE_LOG_LEVEL: "loud", HEDDLE_LOG_LEVLE: "info" };
    const [code, ...lines] = await runCommand(["config", "client"], { env });
    expect([code, lines.length]).toEqual([2, 4]);
    expect(lines.join("\n")).toMatch(/HEDDLE_LOG_LEVEL is "loud"[^]*HEDDLE_LOG_LEVLE is not a setting; did you mean/);
  });
});

describe("Completion", () => {
  const words = async (...given: string[]) => {
    const [code, ...lines] = await runCommand(["completion-words", "--", ...given]);
    return [code, ...lines];
  };

  it.each([
    [["no"], ["nodes"]],
    [["nodes", "dr"], ["drain"]],
    [
      ["nodes", "drain", "gpu"],
      ["gpu-1", "gpu-2"],
    ],
    [["nodes", "drain", "--reason", "x", "gpu-2"], ["gpu-2"]],
    [["nodes", "ls", "--st"], ["--state"]],
    [["nodes", "ls", "--state", "su"], ["suspect"]],
    [["balance", "set", "peak"], ["peak-ewma"]],
    [["leader", "transfer", "director-2"], ["director-2"]],
    [["leader", "tr"], ["transfer"]],
    [
      ["status", "dir"],
      ["director-1", "director-2"],
    ],
    [
      ["assignments", "show", ""],
      ["indexer", "mailer"],
    ],
    [["explain", "heddle"], ["heddle.compute.v1.ComputeService"]],
    [["explain", "x", "--worker", "web-1"], ["web-1"]],
    [["events", "tail", "--kind", "node-f"], ["node-failed"]],
    [["nodes", "rm", "web-1", ""], []],
    [["nonsense", ""], []],
  ])("after %j there may come %j", async (given, expected) => {
    expect(await words(...given)).toEqual([0, ...expected]);
  });

  it("has nothing to say, and no error, where no director answers", async () => {
    const listMembers = () => new Promise<never>(() => {});
    const cluster = sampleCluster({ listMembers });
    expect(await runCommand(["completion-words", "--", "nodes", "drain", ""], { cluster })).toEqual([0]);
  });

  it.each(["bash", "zsh", "fish"])("prints a script for %s", async (shell) => {
    const [code, ...lines] = await runCommand(["completion", shell]);
    expect([code, lines.join("\n").includes("completion-words")]).toEqual([0, true]);
  });
});

describe("The latest events", () => {
  it("are not waited for where a director does not tell", async () => {
    const { operator, clock } = sampleCluster({
      // eslint-disable-next-line require-yield -- it tells nothing
      watchEvents: async function* () {
        await new Promise(() => {});
      },
    });
    const events = latestEvents({ operator, clock }, 10);
    await clock.advance(1_000);
    expect(await events).toEqual([]);
  });
});
