import { copyFile, readFile, writeFile } from "node:fs/promises";
import { connect as connectTls } from "node:tls";

import { ComputeServiceDefinition, type ConnectOptions } from "../../src/api/index";
import { issueCertificate, makeAuthority, makeCertificates } from "../support/certificates";
import { Cluster, STORES } from "../support/cluster";
import { type Environment, eventually } from "../support/processes";

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

/** The common name of the certificate that is shown there. */
function commonNameAt(address: string): Promise<string> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: host!, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    socket.on("error", reject);
    socket.once("secureConnect", () => {
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      resolve(String(subject.CN));
    });
  });
}

describe("Mutual TLS with files that are renewed", () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.open("the embedded store");
  });

  afterAll(async () => {
    await cluster.close();
  });

  it.each(["grpc-js", "engine"])(
    "who has a certificate is served, others are not; a renewed one is shown without a restart, and no call fails (workers on %s)",
    async (transport) => {
      const folder = await cluster.processes.folder;
      const authority = await makeAuthority(folder, transport);
      const [first, second, own] = [
        await issueCertificate(authority, folder, `${transport}-first`),
        await issueCertificate(authority, folder, `${transport}-second`),
        await issueCertificate(authority, folder, `${transport}-client`),
      ];
      const used = { certFile: `${folder}/${transport}-used.pem`, keyFile: `${folder}/${transport}-used-key.pem` };
      const use = async ({ certFile, keyFile }: typeof used) => {
        await copyFile(certFile, used.certFile);
        await copyFile(keyFile, used.keyFile);
      };
      await use(first);
      const env = {
        HEDDLE_TLS_CERT_FILE: used.certFile,
        HEDDLE_TLS_KEY_FILE: used.keyFile,
        HEDDLE_TLS_CA_FILE: authority.caFile,
        HEDDLE_TLS_CLIENT_CA_FILE: authority.caFile,
        HEDDLE_TLS_RELOAD_MS: "100",
      };
      const director = await cluster.director({ env });
      const workerEnv = { ...env, HEDDLE_TRANSPORT: transport, DIRECTOR_ADDR: director.address };
      const worker = await cluster.worker(transport, { env: workerEnv });
      const { certFile: tlsCertFile, keyFile: tlsKeyFile, caFile: tlsCaFile } = own;
      const trusted = { directors: [director.address], tlsCertFile, tlsKeyFile, tlsCaFile };
      const client = cluster.connect(trusted);
      await cluster.whenReady(client, [transport]);
      const load = cluster.load(client);
      await load.more(5);

      const echo = (options: ConnectOptions) =>
        cluster.connect(options).client(ComputeServiceDefinition).execute({ task: "echo" }, { timeoutMs: 1_500 });
      await expect(echo({ directors: [director.address], tlsCaFile })).rejects.toThrow(/no director|DEADLINE_EXCEEDED/);
      expect((await echo({ ...trusted, mode: "direct" })).workerLabel).toBe(transport);

      await writeFile(used.certFile, "half a certif");
      await director.process.whenLogs(`renewed TLS files are not used: [INVALID_ARGUMENT] TLS file ${used.certFile}`);
      await use(second);
      for (const { address } of [director, worker]) {
        let name = "";
        await eventually(
          () => `${address} shows ${transport}-second, not ${name}`,
          async () => {
            name = await commonNameAt(address);
            return name === `${transport}-second`;
          },
        );
      }
      await load.more(5);
      expect((await load.stop()).failures).toEqual([]);
      expect((await echo(trusted)).workerLabel).toBe(transport);
      expect(await worker.process.stop()).toEqual({ code: 0, signal: null });
      expect(await director.process.stop()).toEqual({ code: 0, signal: null });
    },
  );
});
