import fc from "fast-check";
import { parseSelector, SELECTOR_LENGTH_MAX, SELECTOR_PARTS_MAX } from "../../../src/balancing/selector";
import { FabricError } from "../../../src/core/errors";

const GPU = { role: "compute", gpu: "true", zone: "a", label: "worker-1" };

describe("parseSelector", () => {
  it.each([
    ["", true],
    ["   ", true],
    ["gpu=true", true],
    ["gpu==true", true],
    ["gpu=false", false],
    ["gpu=true,zone=a", true],
    ["gpu=true, zone=b", false],
    ["  gpu = true ,zone = a  ", true],
    ["zone!=b", true],
    ["zone!=a", false],
    ["rack!=7", true],
    ["role in (compute, gpu)", true],
    ["role in(storage)", false],
    ["rack in (1)", false],
    ["role notin (storage,network)", true],
    ["role notin (compute)", false],
    ["rack notin (1)", true],
    ["gpu", true],
    ["rack", false],
    ["!rack", true],
    ["! gpu", false],
    ["gpu,!rack,role in (compute),zone!=b", true],
    ["in=1", false],
    ["rack=", false],
    ["app.kubernetes.io/name=x", false],
    ["constructor", false],
    ["__proto__", false],
  ])("R-09 %j matches a compute worker with a GPU in zone a: %p", (text, matches) => {
    expect(parseSelector(text).matches(GPU)).toBe(matches);
  });

  it.each([
    ["gpu=true,", "expected a tag name at position 10, found the end"],
    [",gpu", 'expected a tag name at position 1, found ","'],
    ["gpu true", 'expected "=", "!=", "in", "notin", "," or the end at position 5, found "t"'],
    ["role in compute", 'expected "(" at position 9, found "c"'],
    ["role in ()", 'expected a value at position 10, found ")"'],
    ["role in (a,)", 'expected a value at position 12, found ")"'],
    ["role in (a b)", 'expected "," or ")" at position 12, found "b"'],
    ["role in (a", 'expected "," or ")" at position 11, found the end'],
    ["gpu=tr$e", 'expected "," or the end at position 7, found "$"'],
    ["!", "expected a tag name at position 2, found the end"],
    ["größe=1", 'at position 3, found "ö"'],
  ])("says what is wrong with %j and where", (text, message) => {
    expect(() => parseSelector(text)).toThrow(FabricError);
    expect(() => parseSelector(text)).toThrow(message);
  });

  it("refuses selectors beyond the bounds", () => {
    expect(() => parseSelector("a".repeat(SELECTOR_LENGTH_MAX + 1))).toThrow("is 1025 characters long: at most 1024");
    const values = Array.from({ length: SELECTOR_PARTS_MAX }, () => "a").join(",");
    expect(() => parseSelector(`role in (${values})`)).toThrow(`at most ${SELECTOR_PARTS_MAX} names and values`);
  });

  it("reads any text or refuses it with INVALID_ARGUMENT", () => {
    const piece = fc.constantFrom("gpu", "=", "!=", "==", "!", " in ", " notin ", "(", ")", ",", " ", "a", "$");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join("")),
        ),
        (text) => {
          expect(["read", "INVALID_ARGUMENT"]).toContain(outcome(text));
        },
      ),
    );
  });
});

function outcome(text: string): string {
  try {
    parseSelector(text).matches(GPU);
    return "read";
  } catch (error) {
    return error instanceof FabricError ? error.code : String(error);
  }
}
