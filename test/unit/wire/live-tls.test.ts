import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, SILENT_LOGGER } from "../../../src/core/logger";
import { LiveTls } from "../../../src/wire/live-tls";
import type { TlsFiles, TlsMaterial } from "../../../src/wire/tls-material";
import { type Certificates, makeCertificates } from "../../support/certificates";
import { ManualClock } from "../../../src/testing/manual-clock";
import { eventually } from "../../support/processes";

const folder = mkdtempSync(join(tmpdir(), "heddle-live-tls-"));
const NO_FILES: TlsFiles = { certFile: "", keyFile: "", caFile: "", clientCaFile: "" };
let first: Certificates;
let second: Certificates;

beforeAll(async () => {
  first = await makeCertificates(folder, "first");
  second = await makeCertificates(folder, "second");
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Files in use, as they were at first, and everything that is said and told of them. */
class Rig {
  readonly clock = new ManualClock();
  readonly lines: string[] = [];
  readonly told: TlsMaterial[] = [];
  readonly files: TlsFiles = {
    certFile: join(folder, "used_cert.pem"),
    keyFile: join(folder, "used_key.pem"),
    caFile: join(folder, "used_ca.pem"),
    clientCaFile: join(folder, "used_client_ca.pem"),
  };
  readonly tls: LiveTls;
  readonly unwatch: () => void;

  constructor() {
    this.use(first);
    const logger: Logger = {
      ...SILENT_LOGGER,
      info: (line) => void this.lines.push(line),
      error: (line) => void this.lines.push(line),
    };
    this.tls = new LiveTls(this.files, { clock: this.clock, logger, reloadMs: 1_000 });
    this.unwatch = this.tls.watch((material) => this.told.push(material));
  }

  use({ certFile, keyFile }: Certificates): void {
    copyFileSync(certFile, this.files.certFile);
    copyFileSync(keyFile, this.files.keyFile);
    copyFileSync(certFile, this.files.caFile);
    copyFileSync(certFile, this.files.clientCaFile!);
  }

  /** What the next interval finds. */
  async look(): Promise<void> {
    await this.tls.look();
  }
}

describe("Live TLS files", () => {
  it("says nothing while the files say the same, also when they were written again", async () => {
    const { tls, told, lines, ...rig } = new Rig();
    await tls.look();
    writeFileSync(rig.files.certFile, readFileSync(rig.files.certFile));
    await tls.look();
    expect([told, lines]).toEqual([[], []]);
  });

  it("tells of renewed files once, and has them from then on", async () => {
    const rig = new Rig();
    rig.use(second);
    await rig.look();
    await rig.look();
    expect(rig.told).toHaveLength(1);
    expect(rig.tls.current).toBe(rig.told[0]);
    expect(rig.tls.current.own!.key).toEqual(readFileSync(second.keyFile));
    expect(rig.tls.current.clientCa).toEqual(readFileSync(second.certFile));
    expect(rig.lines).toEqual(["🔏 TLS files were renewed: connections from now on use them"]);
  });

  it("reads them at its interval while somebody watches, and keeps no timer after that", async () => {
    const rig = new Rig();
    for (const [times, certificates] of [second, first, second].entries()) {
      rig.use(certificates);
      await rig.clock.advance(1_000);
      await eventually("it was told, and waits again", () => rig.told.length > times && rig.clock.pendingTimers === 1);
    }
    rig.unwatch();
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it.each<[string, keyof TlsFiles, () => string]>([
    ["a certificate that was cut short", "certFile", () => readFileSync(second.certFile, "utf8").slice(0, 200)],
    ["a certificate of another key", "certFile", () => readFileSync(second.certFile, "utf8")],
    ["a key of another certificate", "keyFile", () => readFileSync(second.keyFile, "utf8")],
    ["an empty key", "keyFile", () => ""],
    ["no authorities", "caFile", () => ""],
    ["authorities that were cut short", "caFile", () => readFileSync(second.certFile, "utf8").repeat(2).slice(0, -100)],
    ["no authorities of clients", "clientCaFile", () => "nothing of the kind\n"],
  ])("%s changes nothing, and is said once, with the file's name, when it stays", async (_name, file, content) => {
    const rig = new Rig();
    const before = rig.tls.current;
    writeFileSync(rig.files[file]!, content());
    await rig.look();
    expect(rig.lines).toEqual([]);
    await rig.look();
    await rig.look();
    expect(rig.lines).toHaveLength(1);
    expect(rig.lines[0]).toContain(rig.files[file]);
    expect(rig.tls.current).toBe(before);
    rig.use(second);
    await rig.look();
    expect(rig.told).toHaveLength(1);
  });

  it("a file that is gone changes nothing, and is named", async () => {
    const rig = new Rig();
    rmSync(rig.files.keyFile);
    await rig.look();
    await rig.look();
    expect(rig.lines.join()).toContain(`TLS file ${rig.files.keyFile} cannot be read`);
    expect(rig.told).toEqual([]);
  });

  it("a pair whose files change one after the other is never complained about, and never used halfway", async () => {
    const rig = new Rig();
    copyFileSync(second.certFile, rig.files.certFile);
    await rig.look();
    copyFileSync(second.keyFile, rig.files.keyFile);
    await rig.look();
    expect(rig.told).toHaveLength(1);
    expect(rig.lines).toHaveLength(1);
  });

  it("at the start, what cannot be used throws and names the file", () => {
    const parts = { clock: new ManualClock(), logger: SILENT_LOGGER, reloadMs: 1_000 };
    const make = (files: Partial<TlsFiles>) => () => new LiveTls({ ...NO_FILES, ...files }, parts);
    expect(make({ certFile: first.certFile, keyFile: second.keyFile })).toThrow(first.certFile);
    expect(make({ caFile: first.keyFile })).toThrow(`TLS file ${first.keyFile} cannot be used: it has no certificate`);
    expect(make({ caFile: "/nowhere.pem" })).toThrow("TLS file /nowhere.pem cannot be read");
  });
});
