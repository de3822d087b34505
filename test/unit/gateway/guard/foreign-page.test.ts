import { isForeignPage } from "../../../../src/gateway/guard/foreign-page";

const HOST = { host: "localhost:8151" };

describe("A page of another origin", () => {
  it.each([
    ["on another site", { ...HOST, origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    [
      "on another port of the same machine",
      { ...HOST, origin: "http://localhost:3000", "sec-fetch-site": "same-site" },
    ],
    ["in a browser that only says its origin", { ...HOST, origin: "http://evil.example" }],
    ["on another port, in such a browser", { ...HOST, origin: "http://localhost:3000" }],
    ["in a sandbox, which has no origin", { ...HOST, origin: "null" }],
    ["whose origin begins like ours", { ...HOST, origin: "http://localhost:8151.evil.example" }],
    ["whose origin has ours as its user", { ...HOST, origin: "http://localhost:8151@evil.example" }],
  ])("may change nothing: %s", (_name, headers) => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "QUERY"]) expect(isForeignPage(method, headers)).toBe(true);
    for (const method of ["GET", "HEAD", "OPTIONS"]) expect(isForeignPage(method, headers)).toBe(false);
  });

  it.each([
    ["a page of our own", { ...HOST, origin: "http://localhost:8151", "sec-fetch-site": "same-origin" }],
    ["the same in a browser that only says its origin", { ...HOST, origin: "http://LOCALHOST:8151" }],
    ["what the user typed", { ...HOST, "sec-fetch-site": "none" }],
    [
      "a page of our own behind a proxy with a name of its own",
      { ...HOST, origin: "https://heddle.example.org", "sec-fetch-site": "same-origin" },
    ],
    ["curl", HOST],
  ])("is not: %s", (_name, headers) => expect(isForeignPage("POST", headers)).toBe(false));
});
