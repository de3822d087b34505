import { EventEmitter } from "node:events";
import { onStopSignal, type SignalSource } from "../../../src/platform/signals";

class FakeProcess extends EventEmitter implements SignalSource {
  readonly exitCodes: number[] = [];

  exit(code: number): void {
    this.exitCodes.push(code);
  }
}

describe("Stop signals", () => {
  it("the first one asks for an orderly end, the second one ends at once", () => {
    const source = new FakeProcess();
    const seen: string[] = [];
    onStopSignal((signal) => seen.push(signal), source);
    source.emit("SIGTERM");
    expect(seen).toEqual(["SIGTERM"]);
    expect(source.exitCodes).toEqual([]);
    source.emit("SIGINT");
    expect(seen).toEqual(["SIGTERM"]);
    expect(source.exitCodes).toEqual([130]);
  });

  it("the exit code names the signal, as shells do", () => {
    const source = new FakeProcess();
    onStopSignal(() => {}, source);
    source.emit("SIGTERM");
    source.emit("SIGTERM");
    expect(source.exitCodes).toEqual([143]);
  });

  it("nothing is listened to any more when it is ended", () => {
    const source = new FakeProcess();
    const end = onStopSignal(() => {}, source);
    end();
    expect(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM")).toBe(0);
  });
});
