import { readFile, writeFile } from "node:fs/promises";

import { ComputeServiceDefinition, type ConnectOptions } from "../../src/api/index";
import { makeCertificates } from "../support/certificates";
import { Cluster, STORES } from "../support/cluster";
import type { Environment } from "../support/processes";

jest.setTimeout(60_000);

describe.each(STORES)("TLS from files, on %s", (store) => {
  let cluster: Cluster;
  let env: Environment;
  let caFile: string;

  beforeAll(async () => {
    cluster = await Cluster.open(store);
    const files = await makeCertificates(await cluster.processes.folder);
    caFile = files.caFile;
    env = {
      HEDDLE_TLS_CERT_FILE: files.certFile,
      HEDDLE_TLS_KEY_FILE: files.keyFile,
      HEDDLE_TLS_CA_FILE: files.caFile,
    };
  });

  afterAll(async () => {
    await cluster.close();
  });

  it("R-10 director, worker and client speak TLS end to end, and say so as documented", async () => {
    const director = await cluster.director({ env });
    const worker = await cluster.worker("a", { env });
    const client = cluster.connect({ tlsCaFile: caFile });
    await cluster.whenReady(client, ["a"]);
    const loading = `📁 Loading certificates from "${env["HEDDLE_TLS_CERT_FILE"]}" and "${env["HEDDLE_TLS_KEY_FILE"]}"`;
    await director.process.whenLogsInOrder([
      `🎯 Starting Director at ${director.address}`,
      loading,
      "✅ Director registered itself in cluster",
    ]);
    await worker.process.whenLogsInOrder(["👷 Starting Worker 'a'", loading, "🔌 Binding server to"]);

    for (const mode of ["proxy", "direct"] as const) {
      const caller = cluster.connect({ mode, tlsCaFile: caFile });
      const { workerLabel } = await caller.client(ComputeServiceDefinition).execute({ task: "echo" });
      expect(workerLabel).toBe("a");
    }
    const program = await cluster.processes.heddle("heddle-client", {
      env: { ...env, DIRECTOR_ADDR: director.address },
    });
    await program.whenLogs("📦 received token (sequence=2,");
  });

  it("R-10 who does not trust the director, or speaks plain text, is not served; those who do are not disturbed", async () => {
    const other = await makeCertificates(await cluster.processes.folder, "stranger");
    const echo = (trusting: ConnectOptions) =>
      cluster.connect(trusting).client(ComputeServiceDefinition).execute({ task: "echo" }, { timeoutMs: 1_000 });
    await expect(echo({ tlsCaFile: other.caFile })).rejects.toThrow(/no director answers|DEADLINE_EXCEEDED/);
    await expect(echo({})).rejects.toThrow(/no director answers|DEADLINE_EXCEEDED/);
    expect((await echo({ tlsCaFile: caFile })).workerLabel).toBe("a");
  });

  it("R-10 a certificate that cannot be used stops the program with its file's name", async () => {
    const broken = { ...env, HEDDLE_TLS_CERT_FILE: "broken.pem" };
    const folder = await cluster.processes.folder;
    await writeFile(`${folder}/broken.pem`, (await readFile(caFile, "utf8")).slice(0, 200));
    const program = await cluster.processes.heddle("heddle-worker", { env: broken });
    expect(await program.whenExited()).toEqual({ code: 2, signal: null });
    expect(program.output).toMatch(/\[INVALID_ARGUMENT\] .*broken\.pem/);

    const missing = await cluster.processes.heddle("heddle-director", {
      env: { ...env, HEDDLE_TLS_KEY_FILE: "nowhere.pem", DIRECTOR_ADDR: "127.0.0.1:0" },
    });
    expect(await missing.whenExited()).toEqual({ code: 2, signal: null });
    expect(missing.output).toContain("[INVALID_ARGUMENT] TLS file nowhere.pem cannot be read");
  });
});
