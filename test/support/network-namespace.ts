import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The block that RFC 2544 sets aside for tests of networks; each namespace takes four addresses of it. */
const BLOCK = "198.18";

/**
 * A network of its own for some processes of this machine, at the other end of a virtual cable that can be pulled: then packets
 * vanish both ways, and nobody is told. Linux, and root.
 */
export class NetworkNamespace {
  readonly name: string;
  /** This machine, as seen from inside. */
  readonly hostAddress: string;
  /** The inside, as seen from this machine. */
  readonly innerAddress: string;
  readonly #link: string;
  readonly #subnet: string;

  private constructor(number: number) {
    const block = `${BLOCK}.${number % 256}`;
    const first = 4 * ((number >> 8) % 64);
    this.name = `heddle-${number}`;
    this.#subnet = `${block}.${first}/30`;
    this.hostAddress = `${block}.${first + 1}`;
    this.innerAddress = `${block}.${first + 2}`;
    this.#link = `hd${number}a`;
    process.once("exit", () => this.#removeNow());
  }

  /** Undefined where namespaces are not allowed. */
  static async create(): Promise<NetworkNamespace | undefined> {
    const namespace = new NetworkNamespace(process.pid);
    try {
      await namespace.#setUp();
      return namespace;
    } catch {
      await namespace.remove();
      return undefined;
    }
  }

  /** What to put before a command so that it runs inside. */
  get prefix(): readonly string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** Pulls the cable, at its inner end: without the outer one packets would take the default route, to the world outside. */
  async down(): Promise<void> {
    await run("ip", ["-n", this.name, "link", "set", this.#innerLink, "down"]);
  }

  async up(): Promise<void> {
    await run("ip", ["-n", this.name, "link", "set", this.#innerLink, "up"]);
  }

  async remove(): Promise<void> {
    await run("ip", ["netns", "del", this.name]).catch(() => {});
    await run("ip", ["route", "del", ...this.#nowhere]).catch(() => {});
  }

  get #innerLink(): string {
    return this.#link.replace(/a$/, "b");
  }

  /** Where its packets go when it is not there: nowhere. */
  get #nowhere(): readonly string[] {
    return ["blackhole", this.#subnet, "metric", "4096"];
  }

  async #setUp(): Promise<void> {
    const inner = this.#innerLink;
    await run("ip", ["route", "add", ...this.#nowhere]);
    await run("ip", ["netns", "add", this.name]);
    await run("ip", ["link", "add", this.#link, "type", "veth", "peer", "name", inner, "netns", this.name]);
    await run("ip", ["addr", "add", `${this.hostAddress}/30`, "dev", this.#link]);
    await run("ip", ["link", "set", this.#link, "up"]);
    await run("ip", ["-n", this.name, "addr", "add", `${this.innerAddress}/30`, "dev", inner]);
    await run("ip", ["-n", this.name, "link", "set", inner, "up"]);
  }

  #removeNow(): void {
    try {
      execFileSync("ip", ["netns", "del", this.name], { stdio: "ignore" });
      execFileSync("ip", ["route", "del", ...this.#nowhere], { stdio: "ignore" });
    } catch {
      // Removed in order before, or never made.
    }
  }
}
