import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asFabricError, ERRORS, type ErrorCode, FabricError, messageOf } from "../../../src/core/errors";
import { Status, statusName } from "../../../src/core/status";
import { ROOT, sourceFiles } from "../../support/source-files";

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe("Errors", () => {
  it.each(CODES)("%s has a gRPC status other than OK, and says in a sentence what to do", (code) => {
    const { status, doc } = ERRORS[code];
    expect(Object.values(Status)).toContain(status);
    expect(status).not.toBe(Status.OK);
    expect(doc).toMatch(/^[A-Z].*\.$/);
  });

  it("what another worker may do better was not surely executed", () => {
    const unsafe = CODES.filter(
      (code) => ERRORS[code].retry === "other-worker" && (ERRORS[code].executed as string) === "yes",
    );
    expect(unsafe).toEqual([]);
  });

  it("every code is in docs/errors.md, and nothing else is", () => {
    const page = readFileSync(join(ROOT, "docs/errors.md"), "utf8");
    const documented = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]!);
    expect(documented.sort()).toEqual([...CODES].sort());
  });

  it("a message begins with its code, so that it can be searched for", () => {
    const error = new FabricError("WORKER_LOST", "w7 went away");
    expect(error.message).toBe("[WORKER_LOST] w7 went away");
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.statusName).toBe("UNAVAILABLE");
    expect(error.kind).toBe(ERRORS.WORKER_LOST);
  });

  it("the status can be the worker's own", () => {
    expect(new FabricError("REMOTE", "no such row", { status: Status.NOT_FOUND }).status).toBe(Status.NOT_FOUND);
  });

  it("conversion keeps a FabricError and wraps anything else with its cause", () => {
    const own = new FabricError("QUEUE_FULL", "full");
    expect(asFabricError(own, "HANDLER_FAILED")).toBe(own);
    const cause = new TypeError("x is not a function");
    const wrapped = asFabricError(cause, "HANDLER_FAILED");
    expect(wrapped).toMatchObject({ code: "HANDLER_FAILED", message: "[HANDLER_FAILED] x is not a function", cause });
  });

  it.each([
    ["an error", new Error("a"), "a"],
    ["a text", "b", "b"],
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["an object like an error", { message: "c" }, "c"],
  ])("finds the message of %s", (_name, thrown, expected) => {
    expect(messageOf(thrown)).toBe(expected);
  });

  it("names statuses by number, and unknown numbers UNKNOWN", () => {
    expect([0, 14, 16, 17, -1].map(statusName)).toEqual(["OK", "UNAVAILABLE", "UNAUTHENTICATED", "UNKNOWN", "UNKNOWN"]);
  });

  it("every code is used somewhere, or it would document what cannot happen", () => {
    const text = sourceFiles("src")
      .filter(({ path }) => path !== "src/core/errors.ts")
      .map((file) => file.text)
      .join("\n");
    expect(CODES.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
  });
});
