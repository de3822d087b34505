/** Loaded before a program (`node --require`): each SIGUSR2 moves its wall clock an hour, ahead, back, behind, back, and so on. */
const STEPS_MS = [3_600_000, 0, -3_600_000, 0];
const RealDate = Date;
let step = -1;

function skewMs(): number {
  return step === -1 ? 0 : STEPS_MS[step % STEPS_MS.length]!;
}

class SkewedDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(RealDate.now() + skewMs());
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + skewMs();
  }
}

globalThis.Date = SkewedDate as DateConstructor;
process.on("SIGUSR2", () => {
  step += 1;
  console.log(`the clock is wrong by ${skewMs()} ms`);
});

export {};
