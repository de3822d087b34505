import { basename, dirname } from "node:path";
import ts from "typescript";
import { type SourceFile, sourceFiles } from "../support/source-files";

/** Beyond this a file of src/ has become the one where everything ends up. */
const LINES_MAX = 450;

/** What must not be in a file; each says what to do instead. This file names them all, so it is not looked at. */
const BANNED: readonly { readonly where: RegExp; readonly what: RegExp; readonly instead: string }[] = [
  { where: /./, what: /\b(TODO|FIXME|XXX|HACK)\b/, instead: "finish it, or write an issue" },
  { where: /./, what: /\bdebugger\b/, instead: "remove it" },
  { where: /./, what: /@ts-(ignore|nocheck)/, instead: "use @ts-expect-error with the reason" },
  {
    where: /^src\//,
    what: /eslint-disable(?!-next-line)/,
    instead: "use eslint-disable-next-line, with the reason above",
  },
  { where: /\.test\.ts$/, what: /\b(describe|it|test)\.only\b|\bf(it|describe)\(/, instead: "let all tests run" },
  { where: /\.test\.ts$/, what: /\bretryTimes\(/, instead: "find out why the test is flaky" },
  {
    // The conformance of real stores needs real time, and the system clock's own test the system's.
    where: /^test\/(unit(?!\/platform)|conformance|integration|simulation)\/.*(?<!\.conformance)\.test\.ts$/,
    what: /timers\/promises|=>\s*setTimeout\(\s*\w+\s*,|\bsystemClock\.sleep\(/,
    instead: "move a ManualClock, or wait for the event itself",
  },
];

/** A skipped test says why on its line or the one above. */
const SKIPPED = /\b(describe|it|test)\.(skip|todo)\b|\bx(it|describe)\(/;

const VAGUE_NAME = /^(utils?|helpers?|common|managers?|misc)$/;

function bannedText({ path, text }: SourceFile): string[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const at = `${path}:${index + 1}`;
    const offences = BANNED.filter(({ where, what }) => where.test(path) && what.test(line)).map(
      ({ instead }) => `${at} has "${line.trim()}": ${instead}`,
    );
    const reasoned = line.includes("//") || (lines[index - 1] ?? "").includes("//");
    return SKIPPED.test(line) && !reasoned ? [...offences, `${at} skips a test: say why in a comment`] : offences;
  });
}

function vagueNames({ path }: SourceFile): string[] {
  const names = [
    ...dirname(path).split("/"),
    ...basename(path)
      .replace(/\.tsx?$/, "")
      .split(/[.-]/),
  ];
  const vague = names.filter((name) => VAGUE_NAME.test(name));
  return vague.map((name) => `${path}: "${name}" says nothing; name what is in it`);
}

function notKebabCase({ path }: SourceFile): string[] {
  return /^[a-z0-9]+([.-][a-z0-9]+)*\.tsx?$/.test(basename(path)) ? [] : [`${path}: name files in kebab-case`];
}

function tooLong({ path, text }: SourceFile): string[] {
  const lines = text.split("\n").length;
  return lines <= LINES_MAX ? [] : [`${path} has ${lines} lines; split it by concept (at most ${LINES_MAX})`];
}

/** An assertion behind a condition may never run, and the test then claims what nobody checked. */
function conditionalAssertions({ path, text }: SourceFile): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const offences: string[] = [];
  const visit = (node: ts.Node, conditional: boolean) => {
    if (conditional && ts.isCallExpression(node) && node.expression.getText(file) === "expect") {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      offences.push(`${path}:${line + 1} asserts only sometimes: assert the condition itself first`);
    }
    const entersBranch = ts.isIfStatement(node) || ts.isCatchClause(node) || ts.isConditionalExpression(node);
    ts.forEachChild(node, (child) => visit(child, conditional || entersBranch));
  };
  visit(file, false);
  return offences;
}

describe("Tidy", () => {
  const source = sourceFiles("src");
  const tests = sourceFiles("test");
  const all = [...source, ...tests, ...sourceFiles("scripts")].filter(({ path }) => path !== "test/unit/tidy.test.ts");

  it("nothing is left over that was meant to go", () => {
    expect(all.flatMap(bannedText)).toEqual([]);
  });

  it("no assertion is behind a condition", () => {
    expect(tests.filter(({ path }) => path.endsWith(".test.ts")).flatMap(conditionalAssertions)).toEqual([]);
  });

  it("files and folders are named for what is in them, in kebab-case", () => {
    expect(all.flatMap((file) => [...vagueNames(file), ...notKebabCase(file)])).toEqual([]);
  });

  it(`no file of src/ is longer than ${LINES_MAX} lines`, () => {
    expect(source.flatMap(tooLong)).toEqual([]);
  });

  it.each([
    ["a leftover", bannedText, "src/core/a.ts", "// TODO: later"],
    ["a test that runs alone", bannedText, "test/unit/a.test.ts", 'it.only("a", () => {});'],
    ["a test skipped without a reason", bannedText, "test/unit/a.test.ts", 'it.skip("a", () => {});'],
    ["a sleep", bannedText, "test/unit/a.test.ts", "await new Promise((resolve) => setTimeout(resolve, 50));"],
    ["an assertion in an if", conditionalAssertions, "test/unit/a.test.ts", "if (a) { expect(a).toBe(1); }"],
    [
      "an assertion in a catch",
      conditionalAssertions,
      "test/unit/a.test.ts",
      "try { f(); } catch (e) { expect(e).toBe(1); }",
    ],
    ["a vague name", vagueNames, "src/core/string-utils.ts", ""],
    ["a vague folder", vagueNames, "src/helpers/a.ts", ""],
    ["camel case", notKebabCase, "src/core/someThing.ts", ""],
    ["a long file", tooLong, "src/core/a.ts", "\n".repeat(LINES_MAX)],
  ])("catches %s", (_name, check, path, text) => {
    expect(check({ path, text })).toHaveLength(1);
  });

  it("lets a skipped test be that says why", () => {
    expect(bannedText({ path: "test/unit/a.test.ts", text: '// Needs Go.\nit.skip("a", () => {});' })).toEqual([]);
  });
});
