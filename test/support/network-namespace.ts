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

  private constructor(number: number) {
    const subnet = `${BLOCK}.${number % 256}`;
    const first = 4 * ((number >> 8) % 64);
    this.name = `heddle-${number}`;
    this.hostAddress = `${subnet}.${first + 1}`;
    this.innerAddress = `${subnet}.${first + 2}`;
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

  /** Pulls the cable. */
  async down(): Promise<void> {
    await run("ip", ["link", "set", this.#link, "down"]);
  }

  async up(): Promise<void> {
    await run("ip", ["link", "set", this.#link, "up"]);
  }

  async remove(): Promise<void> {
    await run("ip", ["netns", "del", this.name]).catch(() => {});
  }

  async #setUp(): Promise<void> {
    const inner = this.#link.replace(/a$/, "b");
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
    } catch {
      // Removed in order before, or never made.
    }
  }
}
