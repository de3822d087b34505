import fc from "fast-check";
import { decodeMessage, encodeMessage } from "../../../src/rpc/framing/grpc-message";
import { formatTimeout, parseTimeout } from "../../../src/rpc/framing/grpc-timeout";

describe("grpc-timeout", () => {
  it.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["4m", 4],
    ["500u", 0.5],
    ["99999999n", 99.999999],
  ])("reads %s", (text, expected) => {
    expect(parseTimeout(text)).toBeCloseTo(expected, 9);
  });

  it.each(["", "1", "S", "-1S", "1.5S", "123456789S", "1s", "1S ", " 1S", "1SS"])("refuses %j", (text) => {
    expect(parseTimeout(text)).toBeUndefined();
  });

  it.each([
    ["no time left", 0, "1u"],
    ["less than a microsecond", 1e-6, "1u"],
    ["a part of a microsecond", 1.0001, "1001u"],
    ["as many microseconds as fit", 99_999.999, "99999999u"],
    ["one more", 100_000, "100000m"],
    ["as many milliseconds as fit", 99_999_999, "99999999m"],
    ["a part of one more", 99_999_999.5, "100000S"],
    ["as many seconds as fit", 99_999_999_000, "99999999S"],
    ["one more", 100_000_000_000, "27778H"],
    ["as many hours as fit", 99_999_999 * 3_600_000, "99999999H"],
    ["more than fits", Number.MAX_VALUE, "99999999H"],
  ])("writes %s in eight digits, rounded up", (_what, timeoutMs, expected) => {
    expect(formatTimeout(timeoutMs)).toBe(expected);
  });

  it("is never shorter than what is left, and hardly longer", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (timeoutMs) => {
        const read = parseTimeout(formatTimeout(timeoutMs))!;
        expect(read).toBeGreaterThanOrEqual(timeoutMs * (1 - 1e-12));
        expect(read).toBeLessThanOrEqual(Math.max(0.001, timeoutMs * 1.001) + 0.001);
      }),
    );
  });
});

describe("grpc-message", () => {
  it("comes back as it was, from what HTTP/2 can carry", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (message) => {
        const encoded = encodeMessage(message);
        expect(encoded).toMatch(/^([!-~]([ -~]*[!-~])?)?$/);
        expect(decodeMessage(encoded)).toBe(message.toWellFormed());
      }),
    );
  });

  it.each([
    ["100%", "100%"],
    ["%zz", "%zz"],
    ["a%20b", "a b"],
    ["%ff", "\ufffd"],
  ])("shows %s as well as can be", (encoded, message) => {
    expect(decodeMessage(encoded)).toBe(message);
  });
});
