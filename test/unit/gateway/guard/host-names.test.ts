import fc from "fast-check";

import { HostNames } from "../../../../src/gateway/guard/host-names";

describe("HostNames", () => {
  const names = new HostNames(["Loom", "heddle.example.org.", "*.svc.cluster.local"]);

  it.each([
    [undefined],
    ["localhost"],
    ["LOCALHOST:8151"],
    ["127.0.0.1:8151"],
    ["10.0.0.7"],
    ["[::1]:8151"],
    ["[fe80::1]"],
    ["loom:47099"],
    ["heddle.example.org"],
    ["heddle.example.org.:443"],
    ["heddle.default.svc.cluster.local:8151"],
  ])("allows %s", (host) => expect(names.allows(host)).toBe(true));

  it.each([
    ["evil.example"],
    ["evil.example:8151"],
    ["localhost.evil.example"],
    ["127.0.0.1.evil.example"],
    ["evil.example.org"],
    ["loom.evil.example"],
    [".svc.cluster.local"],
    ["svc.cluster.local"],
    ["evilsvc.cluster.local"],
    ["evil.example:8151:80"],
    ["[::1].evil.example"],
    ["[evil.example]"],
    ["user@localhost"],
    ["localhost:8151/"],
    ["0x7f.1"],
    [""],
  ])("refuses %j", (host) => expect(names.allows(host)).toBe(false));

  it("remembers a name that it allowed, and no other", () => {
    const some = new HostNames([]);
    expect([some.allows("localhost"), some.allows("evil.example"), some.allows("localhost")]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it("allows every name where * is set", () => expect(new HostNames(["*"]).allows("evil.example")).toBe(true));

  it("allows no domain name that nobody set, whatever is in it", () => {
    fc.assert(fc.property(fc.domain(), (domain) => expect(names.allows(domain)).toBe(false)));
  });
});
