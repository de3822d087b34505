import { fuzzRest } from "../support/rest-fuzz/rest-fuzz";

describe("Everything that a director's OpenAPI document has", () => {
  it("is answered without a fault, as documented, and changes nothing where it is refused: 300 requests", async () => {
    const { requests, findings } = await fuzzRest({ seed: 1, requests: 300 });
    expect(findings).toEqual([]);
    expect(requests).toBe(300);
  });
});
