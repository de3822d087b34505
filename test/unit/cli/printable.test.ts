import { cutTo, displayWidth, padTo, printable } from "../../../src/cli/printable";

describe("Text for a terminal", () => {
  it.each([
    ["", 0],
    ["heddle", 6],
    ["東京", 4],
    ["ﾊﾛｰ", 3],
    ["한국", 4],
    ["e\u0301", 1],
    ["🚀", 2],
    ["👩‍👩‍👧", 2],
    ["🇨🇭", 2],
    ["✔\ufe0f", 2],
    ["\u200d", 0],
  ])("%j takes %d columns", (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  it("is filled up to a width by columns, not by characters", () => {
    expect([padTo("東京", 6), padTo("7", 3, "right"), padTo("long", 2)]).toEqual(["東京  ", "  7", "long"]);
  });

  it("is cut between whole characters, and says so", () => {
    expect(cutTo("東京都庁", 5)).toBe("東京…");
    expect(cutTo("ab👩‍👩‍👧cd", 4)).toBe("ab…");
    expect(cutTo("as it is", 8)).toBe("as it is");
  });

  it("shows what would steer the terminal as its code", () => {
    expect(printable("a\u001b[31mb\r\n\u202e\u0007")).toBe("a\\u{1b}[31mb\\u{d}\\u{a}\\u{202e}\\u{7}");
    expect(printable("Zürich, 東京, 👩‍👩‍👧, שלום")).toBe("Zürich, 東京, 👩‍👩‍👧, שלום");
  });
});
