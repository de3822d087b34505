import { jsonLine, type LogEntry, prettyLine } from "../../../src/platform/log-line";

const at = new Date(2026, 0, 2, 3, 4, 5);
const entry = (parts: Partial<LogEntry>): LogEntry => ({ level: "info", message: "ready", fields: {}, at, ...parts });
const pretty = (parts: Partial<LogEntry>) => prettyLine(entry(parts), false);

describe("Log lines", () => {
  it("for people begin with the time of day and the message, and leave emoji as they are", () => {
    const message = "⚠️  [worker-a] Simulating worker failure in 3 seconds...";
    expect(pretty({ message })).toBe(`03:04:05 ${message}`);
  });

  it("for people put the fields after the message, quoted where they need it", () => {
    expect(pretty({ fields: { worker: "w1", calls: 3, reason: "went away", empty: "", none: undefined } })).toBe(
      '03:04:05 ready worker=w1 calls=3 reason="went away" empty=""',
    );
  });

  it("for people name every level but the ordinary one", () => {
    expect(pretty({ level: "warn" })).toBe("03:04:05 WARN ready");
    expect(pretty({ level: "error" })).toBe("03:04:05 ERROR ready");
    expect(pretty({ level: "debug" })).toBe("03:04:05 DEBUG ready");
  });

  it("for people stay on one line and cannot be forged or steer the terminal", () => {
    const hostile = "a\n03:04:05 ERROR forged\u001b[2J\u007f\u009b";
    expect(pretty({ message: hostile })).toBe("03:04:05 a\\n03:04:05 ERROR forged\\u001b[2J\\u007f\\u009b");
    expect(pretty({ fields: { hostile } }).split("\n")).toHaveLength(1);
    expect(pretty({ fields: { hostile } })).not.toMatch(/\p{Cc}/u);
  });

  it("have colours only where asked for", () => {
    expect(prettyLine(entry({ level: "error" }), true)).toContain("\u001b[31mERROR\u001b[0m");
    expect(pretty({ level: "error" })).not.toContain("\u001b");
  });

  it("for collectors are one object each, in which no field hides ours", () => {
    const line = jsonLine(entry({ message: "a\nb", fields: { calls: 3, message: "mine", gone: undefined } }));
    expect(JSON.parse(line)).toEqual({
      time: at.toISOString(),
      level: "info",
      message: "a\nb",
      calls: 3,
      message_: "mine",
    });
    expect(line).not.toContain("\n");
  });
});
