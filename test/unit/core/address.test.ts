import fc from "fast-check";
import { formatAddress, parseAddress, parseDialableAddress } from "../../../src/core/address";

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
