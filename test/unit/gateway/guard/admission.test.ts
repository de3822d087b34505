import { Admission, type Admitted } from "../../../../src/gateway/guard/admission";

const LENGTH = { "content-length": "1024" };

describe("Admission", () => {
  it("has room for as many requests as are set, and again when one is answered", () => {
    const admission = new Admission({ requestsMax: 2, bodyMaxBytes: 1024 });
    const first = admission.admit({}) as Admitted;
    admission.admit({});
    expect(admission.admit({})).toMatch(/HEDDLE_HTTP_REQUESTS_MAX/);
    admission.release(first);
    expect(admission.admit({})).toEqual({ bodyBytes: 0 });
  });

  it("has room for 64 bodies of the largest size; those of unknown length count as such", () => {
    const admission = new Admission({ requestsMax: 1_000, bodyMaxBytes: 1024 });
    for (let count = 0; count < 63; count += 1) admission.admit(LENGTH);
    const last = admission.admit({ "transfer-encoding": "chunked" }) as Admitted;
    expect(admission.admit(LENGTH)).toMatch(/HEDDLE_HTTP_BODY_MAX_BYTES/);
    expect(admission.admit({})).toEqual({ bodyBytes: 0 });
    admission.releaseBody(last);
    expect(admission.admit(LENGTH)).toEqual({ bodyBytes: 1024 });
    admission.release(last); // gives its body back once
    expect(admission.admit(LENGTH)).toMatch(/HEDDLE_HTTP_BODY_MAX_BYTES/);
  });

  it("keeps no room for a body that is too large to be received", () => {
    const admission = new Admission({ requestsMax: 1_000, bodyMaxBytes: 1024 });
    expect(admission.admit({ "content-length": "99999999999" })).toEqual({ bodyBytes: 0 });
  });
});
