import fc from "fast-check";
import { formatAddress, parseAddress, parseDialableAddress, parseSocketAddress } from "../../../src/core/address";

describe("Address", () => {
  it.each([
    ["127.0.0.1:61000", { host: "127.0.0.1", port: 61_000 }],
    ["worker-1.internal:0", { host: "worker-1.internal", port: 0 }],
    ["[::1]:62001", { host: "::1", port: 62_001 }],
    ["[fe80::1]:65535", { host: "fe80::1", port: 65_535 }],
  ])("reads %s", (text, expected) => {
    expect(parseAddress(text, "WORKER_ADDR")).toEqual(expected);
  });

  it.each([
    "",
    "localhost",
    ":61000",
    "localhost:",
    "::1:61000",
    "http://localhost:61000",
    "a b:1",
    "host:65536",
    "host:-1",
  ])('refuses "%s", naming the field and the value', (text) => {
    expect(() => parseAddress(text, "WORKER_ADDR")).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(`WORKER_ADDR is "${text}"`),
      }),
    );
  });

  it.each([
    ["unix:/run/a.sock", { path: "/run/a.sock" }, "unix:/run/a.sock"],
    ["unix:///run/a.sock", { path: "/run/a.sock" }, "unix:/run/a.sock"],
    ["unix:a.sock", { path: "a.sock" }, "unix:a.sock"],
    ["unix-abstract:a/b", { path: "\0a/b" }, "unix-abstract:a/b"],
    ["unix:8080", { host: "unix", port: 8080 }, "unix:8080"],
    ["unix-abstract.internal:1", { host: "unix-abstract.internal", port: 1 }, "unix-abstract.internal:1"],
    [`unix:/${"x".repeat(106)}`, { path: `/${"x".repeat(106)}` }, `unix:/${"x".repeat(106)}`],
  ])("reads %s where unix sockets may be", (text, expected, formatted) => {
    const address = parseSocketAddress(text, "WORKER_ADDR");
    expect(address).toEqual(expected);
    expect(formatAddress(address)).toBe(formatted);
  });

  it.each([
    ["unix:", "use"],
    ["unix://", "use"],
    ["unix://host/run/a.sock", "use"],
    ["unix:/run/a,b.sock", "commas"],
    ["unix-abstract:", "use"],
    ["unix-abstract:\0a", "use"],
    [`unix:/${"x".repeat(107)}`, "107 bytes, not 108"],
    [`unix:/${"ä".repeat(54)}`, "107 bytes, not 109"],
  ])("refuses %j as a unix socket, saying why", (text, why) => {
    expect(() => parseSocketAddress(text, "WORKER_ADDR")).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(why) }),
    );
  });

  it.each(["unix:/run/a.sock", "unix-abstract:a"])("takes %s for no host", (text) => {
    expect(() => parseAddress(text, "ETCD_ENDPOINTS")).toThrow("use host:port");
    expect(() => parseDialableAddress(text, "address")).not.toThrow();
  });

  it("refuses to dial a path that depends on the folder", () => {
    expect(() => parseDialableAddress("unix:a.sock", "address")).toThrow("name the whole path");
  });

  it.each(["0.0.0.0:61000", "[::]:61000", "[0:0:0:0:0:0:0:0]:61000", "127.0.0.1:0"])("refuses to dial %s", (text) => {
    expect(() => parseDialableAddress(text, "address")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  it("formats what it reads back to the same text", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const text = formatAddress({ host: name, port });
        expect(parseAddress(text, "address")).toEqual({ host: name, port });
      }),
    );
  });
});
