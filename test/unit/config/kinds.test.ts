import { addressList, dialableAddress, endpointList, listenAddress, withPort } from "../../../src/config/address-kinds";
import { bytes, choice, decimal, flag, identifier, integer, text } from "../../../src/config/kinds";
import type { Setting } from "../../../src/config/setting";
import { tags } from "../../../src/config/tags-kind";

const doc = "A sentence.";
const count = integer("N", { default: 1, min: 0, max: 100, doc });
const ratio = decimal("N", { default: 8, min: 1, max: 32, doc });
const size = bytes("N", { default: 1024, min: 1024, max: 4096, doc });
const toggle = flag("N", { default: false, doc });
const level = choice("N", { default: "info", words: ["info", "warn"], synonyms: { warning: "warn" }, doc });
const name = identifier("N", { default: "", doc });
const line = text("N", { default: "", doc });
const listen = listenAddress("N", { default: "127.0.0.1:1", doc });
const dial = dialableAddress("N", { default: "", doc });
const directors = addressList("N", { default: [], doc });
const etcd = endpointList("N", { default: [], doc });
const labels = tags("N", { default: {}, doc });

/** What a setting makes of a text; undefined when it refuses it. */
function accept<T>(setting: Setting<T>, given: string): T | undefined {
  const value = setting.read(given);
  return value !== undefined && setting.isValid(value) ? value : undefined;
}

describe("Kinds of settings", () => {
  it.each<[string, Setting<unknown>, string, unknown]>([
    ["a whole number", count, "42", 42],
    ["the lowest", count, "0", 0],
    ["the highest", count, "100", 100],
    ["a fraction", ratio, "8.5", 8.5],
    ["a size", size, "2048", 2048],
    ["a flag in any letter case", toggle, "TRUE", true],
    ["a flag as a digit", toggle, "0", false],
    ["a flag as a word", toggle, "Yes", true],
    ["a word in any letter case", level, "INFO", "info"],
    ["a synonym", level, "Warning", "warn"],
    ["an identifier", name, "node-1.a:b_c", "node-1.a:b_c"],
    ["a line with spaces and umlauts", line, "Büro 3", "Büro 3"],
    ["an address with port 0, to listen", listen, "127.0.0.1:0", "127.0.0.1:0"],
    ["an IPv6 address", dial, "[::1]:61000", "[::1]:61000"],
    ["a list with spaces", directors, "a:1, b:2", ["a:1", "b:2"]],
    ["etcd endpoints, with and without scheme", etcd, "http://a:2379,b:2379", ["http://a:2379", "b:2379"]],
    ["tags", labels, "gpu=true, zone=a, spot", { gpu: "true", zone: "a", spot: "true" }],
    ["a tag whose value has an equals sign", labels, "expr=a=b", { expr: "a=b" }],
    ["a tag with an empty value", labels, "zone=", { zone: "" }],
  ])("accept %s", (_name, setting, given, expected) => {
    expect(accept(setting, given)).toEqual(expected);
  });

  it.each<[string, Setting<unknown>, string]>([
    ["a number with a unit", count, "5s"],
    ["a fraction for a whole number", count, "1.5"],
    ["hexadecimal", count, "0x10"],
    ["less than the lowest", count, "-1"],
    ["more than the highest", count, "101"],
    ["an exponent", ratio, "1e1"],
    ["not a number", ratio, "NaN"],
    ["a size below the bound", size, "1023"],
    ["half a flag", toggle, "maybe"],
    ["a word that is not among them", level, "loud"],
    ["an identifier with a space", name, "node 1"],
    ["an identifier of 129 characters", name, "x".repeat(129)],
    ["a line with a control character", line, "a\u001b[31m"],
    ["an address without a port", listen, "localhost"],
    ["every interface, to dial", dial, "0.0.0.0:61000"],
    ["port 0, to dial", dial, "localhost:0"],
    ["a list with a hole", directors, "a:1,,b:2"],
    ["a list with one bad address", directors, "a:1,b"],
    ["an etcd endpoint without a port", etcd, "http://a"],
    ["a tag without a key", labels, "=true"],
    ["the same tag twice", labels, "a=1,a=2"],
    ["a key of 64 characters", labels, `${"k".repeat(64)}=1`],
    ["a value of 256 characters", labels, `k=${"v".repeat(256)}`],
    ["65 tags", labels, Array.from({ length: 65 }, (_, index) => `k${index}=1`).join(",")],
  ])("refuse %s", (_name, setting, given) => {
    expect(accept(setting, given)).toBeUndefined();
  });

  it.each<[string, Setting<unknown>, unknown]>([
    ["a text for a number", count, "5"],
    ["NaN", count, Number.NaN],
    ["a number for a text", line, 5],
    ["a number for a flag", toggle, 1],
    ["one address for a list", directors, "a:1"],
    ["an empty list", directors, []],
    ["null for tags", labels, null],
  ])("refuse %s as an option from JavaScript", (_name, setting, value) => {
    expect(setting.isValid(value)).toBe(false);
  });

  it.each([
    ["10.0.0.1", "10.0.0.1:61000"],
    ["master.local", "master.local:61000"],
    ["::1", "[::1]:61000"],
    ["[::1]", "[::1]:61000"],
    ["10.0.0.1:5", "10.0.0.1:5"],
  ])("add a port to %s where it has none", (host, expected) => {
    expect(withPort(host, 61_000)).toBe(expected);
  });
});
