import type { Hello } from "../../../src/core/attach-messages";
import { NO_RESOURCES } from "../../../src/core/member";
import { checkHello } from "../../../src/director/hello-rules";

const GOOD: Hello = {
  memberId: "w1",
  label: "w1",
  address: "10.0.0.1:7000",
  incarnation: 1_700_000_000_000,
  services: ["shop.v1.CartService"],
  descriptorSetHash: "a".repeat(64),
  slots: 4,
  tags: { zone: "a" },
  resources: NO_RESOURCES,
  role: "worker",
  version: "1.0.0",
  dataKeepalive: true,
  heartbeatIntervalMs: 0,
  wantsEvents: false,
};

const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, ""]));

describe("What a worker says of itself", () => {
  it.each<[string, Partial<Hello>]>([
    ["no services", { services: [] }],
    ["the longest name", { memberId: "x".repeat(128) }],
    ["an IPv6 address", { address: "[::1]:7000" }],
    ["no contract", { descriptorSetHash: "" }],
    ["as many tags as may be", { tags: tags(64) }],
    ["no bound on slots", { slots: 0 }],
    ["the slowest beat", { heartbeatIntervalMs: 60_000 }],
    ["a tag with a telling name", { tags: JSON.parse('{"__proto__":"x"}') as Hello["tags"] }],
  ])("is taken: %s", (_what, given) => {
    expect(() => checkHello({ ...GOOD, ...given })).not.toThrow();
  });

  it.each<[string, Partial<Hello>, RegExp]>([
    ["no id", { memberId: "" }, /member_id is ""/],
    ["a huge id", { memberId: "x".repeat(129) }, /member_id is "x{60}…"/],
    ["an id with a slash", { memberId: "a/b" }, /member_id is "a\/b"/],
    ["an id with a line break", { memberId: "a\nb" }, /member_id/],
    ["no port", { address: "10.0.0.1" }, /address is "10.0.0.1"/],
    ["port 0", { address: "10.0.0.1:0" }, /port 0 cannot be dialled/],
    ["every interface", { address: "0.0.0.0:7000" }, /cannot be dialled/],
    ["a URL", { address: "http://10.0.0.1:7000" }, /address is/],
    ["incarnation 0", { incarnation: 0 }, /incarnation is 0/],
    ["an incarnation that is no safe number", { incarnation: 2 ** 53 }, /incarnation is/],
    ["a service without a name", { services: [""] }, /services has ""/],
    ["a service with a path", { services: ["a.B/C"] }, /services has "a.B\/C"/],
    ["a service of the director", { services: ["heddle.v1.DirectorService"] }, /belongs to the director/],
    ["the director's reflection", { services: ["grpc.reflection.v1.ServerReflection"] }, /belongs to the director/],
    ["too many services", { services: Array.from({ length: 257 }, (_, index) => `a.B${index}`) }, /services has 257/],
    ["a huge service name", { services: [`a.${"B".repeat(1_000)}`] }, /services has "a\.B{58}…"/],
    ["too many slots", { slots: 1_000_001 }, /slots is 1000001/],
    ["too many tags", { tags: tags(65) }, /tags has 65 entries/],
    ["a huge tag", { tags: { note: "x".repeat(256) } }, /tag "note" is 256 characters/],
    ["a tag key with a space", { tags: { "a b": "" } }, /tag key "a b"/],
    ["a tag without a key", { tags: { "": "x" } }, /tag key ""/],
    ["a beat that is too fast", { heartbeatIntervalMs: 49 }, /heartbeat_interval_ms is 49/],
    ["a beat that is too slow", { heartbeatIntervalMs: 60_001 }, /heartbeat_interval_ms is 60001/],
    ["a huge label", { label: "x".repeat(1 << 20) }, /label is 1048576 characters/],
    ["a huge role", { role: "x".repeat(300) }, /role is 300 characters/],
    ["a huge version", { version: "x".repeat(300) }, /version is 300 characters/],
    ["a huge host name", { resources: { ...NO_RESOURCES, hostname: "x".repeat(300) } }, /hostname is 300 characters/],
    ["a hash that is none", { descriptorSetHash: "../../x" }, /descriptor_set_hash is "..\/..\/x"/],
  ])("is refused, by its name and value: %s", (_what, given, message) => {
    expect(() => checkHello({ ...GOOD, ...given })).toThrow(message);
  });

  it.each([
    ["in the folder", "/run/heddle", "unix:/run/heddle/w1.sock"],
    ["below it", "/run/heddle/", "unix:/run/heddle/a/w1.sock"],
  ])("takes a unix socket %s that there is for them", (_where, folder, address) => {
    expect(() => checkHello({ ...GOOD, address }, folder)).not.toThrow();
  });

  it.each([
    ["without a folder for them", "", "unix:/run/heddle/w1.sock"],
    ["of somebody else", "/run/heddle", "unix:/run/containerd/containerd.sock"],
    ["by a detour", "/run/heddle", "unix:/run/heddle/../containerd/containerd.sock"],
    ["beside the folder", "/run/heddle", "unix:/run/heddle-not/w1.sock"],
    ["without an owner", "/", "unix-abstract:containerd-shim"],
  ])("refuses a unix socket %s", (_where, folder, address) => {
    const where = `the director calls unix sockets only in its HEDDLE_WORKER_SOCKET_DIR, which is "${folder}"`;
    expect(() => checkHello({ ...GOOD, address }, folder)).toThrow(where);
  });

  it("names every mistake at once, in bounded words", () => {
    const mistakes = { memberId: "", address: "x", incarnation: 0, slots: 2_000_000 };
    expect(() => checkHello({ ...GOOD, ...mistakes })).toThrow(/member_id.*address.*slots.*incarnation/s);
  });
});
