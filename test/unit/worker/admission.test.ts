import fc from "fast-check";
import type { IncomingCall, IncomingListener } from "../../../src/core/call";
import { CallMetadata } from "../../../src/core/call-metadata";
import { FabricError } from "../../../src/core/errors";
import { Admission } from "../../../src/worker/admission";
import { settle } from "../../../src/testing/manual-clock";
import { StubCaller } from "../../support/stub-caller";

const OK = { status: 0, message: "", trailers: new CallMetadata() } as const;
const GONE = new FabricError("WORKER_LOST", "the worker stopped");

/** A call that runs until the test ends it. */
function admit(admission: Admission) {
  const caller = new StubCaller();
  const handler: { call?: IncomingCall; cancelled: number } = { cancelled: 0 };
  admission.serve(caller.call, (call) => {
    handler.call = call;
    const listener: IncomingListener = {
      message: () => {},
      halfClosed: () => {},
      cancelled: () => (handler.cancelled += 1),
    };
    call.listen(listener);
  });
  return { caller, handler };
}

describe("Admission", () => {
  it("counts each call exactly once, however and however often it ends", () => {
    const step = fc.record({ call: fc.nat(4), way: fc.constantFrom("finish", "cancel", "fail-all") });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const admission = new Admission(0);
        const calls = Array.from({ length: 5 }, () => admit(admission));
        const running = new Set(calls);
        for (const { call, way } of steps) {
          const { caller, handler } = calls[call]!;
          if (way === "finish") handler.call!.finish(OK);
          else if (way === "cancel") caller.cancel();
          else admission.failAll(GONE);
          if (way === "fail-all") running.clear();
          else running.delete(calls[call]!);
          expect(admission.inFlight).toBe(running.size);
        }
        // Those that the caller cancelled were told nothing more, the others one end.
        const told = calls.map(
          ({ caller, handler }) => caller.seen.ends.length + (caller.isOver ? 0 : handler.cancelled),
        );
        expect(told).toEqual(calls.map((call) => (running.has(call) ? 0 : 1)));
      }),
    );
  });

  it("refuses the call after the last slot without running it, and takes one again when a slot is free", () => {
    const admission = new Admission(2);
    const first = admit(admission);
    admit(admission);
    const refused = admit(admission);
    expect([refused.handler.call, refused.caller.end]).toEqual([undefined, "8 [WORKER_FULL] all 2 slots are in use"]);
    first.handler.call!.finish(OK);
    expect(admit(admission).handler.call).toBeDefined();
    expect(admission.inFlight).toBe(2);
  });

  it("frees the slot of a caller that went away, although its handler goes on", () => {
    const admission = new Admission(1);
    const { caller, handler } = admit(admission);
    caller.cancel();
    expect([admission.inFlight, handler.cancelled]).toEqual([0, 1]);
    handler.call!.finish(OK);
    expect(admission.inFlight).toBe(0);
  });

  it("refuses with the reason it was given until it is opened; what runs goes on", () => {
    const admission = new Admission(0);
    const running = admit(admission);
    admission.refuse(new FabricError("WORKER_DRAINING", "w1 is leaving"));
    expect(admit(admission).caller.end).toBe("14 [WORKER_DRAINING] w1 is leaving");
    expect([running.caller.isOver, admission.isServing()]).toEqual([false, false]);
    admission.open();
    expect(admit(admission).caller.isOver).toBe(false);
  });

  it("ends what runs for its caller and its handler, once each", () => {
    const admission = new Admission(0);
    const { caller, handler } = admit(admission);
    admission.failAll(GONE);
    admission.failAll(GONE);
    handler.call!.finish(OK);
    expect([caller.seen.ends.map(({ status }) => status), handler.cancelled]).toEqual([[14], 1]);
  });

  it("says when nothing runs any more", async () => {
    const admission = new Admission(0);
    const calls = [admit(admission), admit(admission)];
    let idle = false;
    void admission.whenIdle().then(() => (idle = true));
    calls[0]!.handler.call!.finish(OK);
    await settle();
    const early = idle;
    calls[1]!.caller.cancel();
    await settle();
    expect([early, idle]).toEqual([false, true]);
    await admission.whenIdle();
  });
});
