import { describe, expect, it } from "vitest";
import { DrainMeter } from "../../../src/engines/embedded/drain-meter.ts";

const S = 1_000;
/** From `fromS` to `untilS`, one message done every `everyS`. */
function work(meter: DrainMeter, fromS: number, untilS: number, everyS: number): void {
  meter.busy(true, fromS * S);
  for (let at = fromS + everyS; at <= untilS; at += everyS) meter.done(1, at * S);
}

describe("how fast a queue is worked off", () => {
  it("is not known before something was there for a second", () => {
    const meter = new DrainMeter();
    expect(meter.perSecond(0)).toBeUndefined();
    meter.busy(true, 0);
    expect(meter.perSecond(999)).toBeUndefined();
    expect(meter.perSecond(1 * S)).toBe(0);
  });

  it("is what was done in the last minute, and nothing older", () => {
    const meter = new DrainMeter();
    work(meter, 0, 100, 0.25);
    work(meter, 100, 160, 0.5);
    expect(meter.perSecond(160 * S)).toBeCloseTo(2, 1);
    expect(meter.perSecond(190 * S)).toBeCloseTo(1, 1);
    expect(meter.perSecond(300 * S)).toBeCloseTo(0, 1);
  });

  it("counts only the time in which there was something to do", () => {
    const meter = new DrainMeter();
    work(meter, 0, 5, 1);
    meter.busy(false, 5 * S);
    work(meter, 30, 35, 1);
    meter.busy(false, 35 * S);
    expect(meter.perSecond(50 * S)).toBe(1);
  });

  it("tells the rate of a burst after its first seconds, whatever the pause before", () => {
    const meter = new DrainMeter();
    work(meter, 1_000, 1_003, 0.01);
    expect(meter.perSecond(1_003 * S)).toBeCloseTo(100, 0);
  });

  it("is forgotten a minute after the last message", () => {
    const meter = new DrainMeter();
    work(meter, 0, 10, 1);
    meter.busy(false, 10 * S);
    expect(meter.perSecond(69 * S)).toBe(1);
    expect(meter.perSecond(80 * S)).toBeUndefined();
  });

  it("keeps few samples, however much is done", () => {
    const meter = new DrainMeter();
    work(meter, 0, 600, 0.01);
    expect(meter.perSecond(600 * S)).toBeCloseTo(100, 0);
  });
});
