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
    ["a part of a microsecond", 0.0011, "2u"],
    ["three digits of microseconds", 0.999, "999u"],
    ["more digits of microseconds", 1.0001, "1010u"],
    ["milliseconds", 12, "12m"],
    ["a part of a millisecond", 499.8, "500m"],
    ["milliseconds over a second", 1_234, "1240m"],
    ["seconds", 30_000, "30S"],
    ["almost so many seconds", 29_999.87, "30S"],
    ["sixty days", 60 * 86_400_000, "5190000S"],
    ["as many seconds as fit", 99_900_000_000, "99900000S"],
    ["more seconds than fit", 100_000_000_000, "27778H"],
    ["as many hours as fit", 99_999_999 * 3_600_000, "99999999H"],
    ["more than fits", Number.MAX_VALUE, "99999999H"],
  ])("writes %s in three digits that count, rounded up", (_what, timeoutMs, expected) => {
    expect(formatTimeout(timeoutMs)).toBe(expected);
  });

  it("is never shorter than what is left, and less than a hundredth longer", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (timeoutMs) => {
        const read = parseTimeout(formatTimeout(timeoutMs))!;
        expect(read).toBeGreaterThanOrEqual(timeoutMs * (1 - 1e-12));
        expect(read).toBeLessThanOrEqual(timeoutMs * 1.01 + 0.001);
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
