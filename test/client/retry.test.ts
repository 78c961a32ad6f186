import { describe, expect, test } from "vitest";
import { ConnectionError, SluiceError, UnavailableError } from "../../client/errors.ts";
import {
  backOff,
  type ChannelName,
  climb,
  nextStanding,
  DEFAULT_RETRY as policy,
  retryDelay,
  standingOn,
} from "../../client/retry.ts";

const refused = (status: number, retryAfterMs?: number) =>
  new SluiceError({ type: "about:blank", title: "No", status, detail: "no" }, retryAfterMs);
const lost = new ConnectionError("gone");

describe("the wait before a try", () => {
  test("doubles up to its limit, and is cut by up to a half", () => {
    expect([1, 2, 3, 4].map((failures) => backOff(policy, failures, 0))).toEqual([250, 500, 1_000, 2_000]);
    expect(backOff(policy, 3, 1)).toBe(500);
    expect(backOff(policy, 10_000, 0)).toBe(policy.maxDelayMs);
  });

  test("is as long as the server asks, unless that is too long", () => {
    const of = (retryAfterMs: number) =>
      retryDelay(policy, { attempt: 1, error: refused(503, retryAfterMs), repeatable: true }, 0);
    expect(of(5_000)).toBe(5_000);
    expect(of(60_001)).toBeUndefined();
  });
});

describe("a request", () => {
  test.each([
    ["a lost answer", lost, true],
    ["408", refused(408), true],
    ["429", refused(429), true],
    ["500", refused(500), true],
    ["503", refused(503), true],
    ["400", refused(400), false],
    ["401", refused(401), false],
    ["404", refused(404), false],
    ["409", refused(409), false],
    ["422", refused(422), false],
    ["a fault of this program", new TypeError("bug"), false],
  ])("that may be sent twice, after %s", (_, error, again) => {
    expect(retryDelay(policy, { attempt: 1, error, repeatable: true }, 0.5) !== undefined).toBe(again);
  });

  test("that must not be sent twice is tried again only where nothing was done", () => {
    const again = (error: unknown) => retryDelay(policy, { attempt: 1, error, repeatable: false }, 0.5) !== undefined;
    expect([refused(429), refused(503), refused(500), lost].map(again)).toEqual([true, false, false, false]);
  });

  test("is tried five times at most", () => {
    const tries = [1, 2, 3, 4, 5].map((attempt) => retryDelay(policy, { attempt, error: lost, repeatable: true }, 0));
    expect(tries).toEqual([250, 500, 1_000, 2_000, undefined]);
  });
});

describe("a reader", () => {
  const all: readonly ChannelName[] = ["websocket", "sse", "poll"];
  const best = standingOn(policy, all);
  const broken = { error: lost, steady: false, silentMs: 0, reached: true };

  test("tries a channel twice, then the next, and stays on the last", () => {
    let standing = best;
    const path: [number, number][] = [];
    for (let failure = 0; failure < 7; failure++) {
      const next = nextStanding(policy, standing, broken, 0);
      if (next === undefined) break;
      standing = next.standing;
      path.push([standing.at, next.delayMs]);
    }
    expect(path).toEqual([
      [0, 250],
      [1, 0],
      [1, 250],
      [2, 0],
      [2, 250],
      [2, 500],
      [2, 1_000],
    ]);
  });

  test("whose connection has brought something goes on soon, on the same channel, by its dice", () => {
    const next = nextStanding(policy, { ...best, failures: 1 }, { ...broken, steady: true }, 0.5);
    expect(next).toEqual({ standing: best, delayMs: 125 });
  });

  test("whose connection ends in order, but at once, counts that as a failure", () => {
    const next = nextStanding(policy, best, { steady: false, silentMs: 0, reached: true }, 0);
    expect(next).toEqual({ standing: { ...best, failures: 1 }, delayMs: 250 });
  });

  test("for whom there is no place takes the next channel at once", () => {
    const next = nextStanding(policy, { ...best, at: 1 }, { ...broken, error: refused(503, 10_000) }, 0);
    expect(next).toMatchObject({ standing: { at: 2, failures: 0 }, delayMs: 0 });
  });

  test("never takes a channel again that does not exist", () => {
    const next = nextStanding(policy, best, { ...broken, error: new UnavailableError("none") }, 0);
    expect(next?.standing).toEqual({ ...best, channels: ["sse", "poll"] });
    const only = standingOn(policy, ["websocket"]);
    expect(nextStanding(policy, only, { ...broken, error: new UnavailableError("none") }, 0)).toBeUndefined();
  });

  test.each([400, 401, 403, 404])("gives up when it is refused with %d", (status) => {
    expect(nextStanding(policy, best, { ...broken, error: refused(status) }, 0)).toBeUndefined();
  });

  test("gives up after ten minutes without a sign of life, on its last channel", () => {
    const last = { ...best, at: 2 };
    expect(nextStanding(policy, last, { ...broken, silentMs: 599_999 }, 0)).toBeDefined();
    expect(nextStanding(policy, last, { ...broken, silentMs: 600_000 }, 0)).toBeUndefined();
  });

  test("gives up after a minute where there never was a sign of life", () => {
    const never = { ...broken, reached: false };
    expect(nextStanding(policy, { ...best, at: 2 }, { ...never, silentMs: 59_999 }, 0)).toBeDefined();
    expect(nextStanding(policy, { ...best, at: 2 }, { ...never, silentMs: 60_000 }, 0)).toBeUndefined();
  });

  test("waits as long as the server asks, but no longer than a minute", () => {
    const waits = (retryAfterMs: number, steady: boolean) =>
      nextStanding(policy, { ...best, at: 2 }, { ...broken, steady, error: refused(503, retryAfterMs) }, 0)?.delayMs;
    expect([5_000, 86_400_000].map((ms) => waits(ms, false))).toEqual([5_000, 60_000]);
    expect([5_000, 86_400_000].map((ms) => waits(ms, true))).toEqual([5_000, 60_000]);
  });

  test("that climbs falls back after one failure, and waits twice as long to climb again", () => {
    const up = climb(policy, { ...best, at: 2 });
    expect(up).toEqual({ ...best, failures: 1, climbMs: 120_000 });
    expect(nextStanding(policy, up, broken, 0)?.standing).toEqual({ ...best, at: 1, climbMs: 120_000 });
    const often = Array.from({ length: 9 }).reduce<typeof best>((standing) => climb(policy, standing), best);
    expect(often.climbMs).toBe(600_000);
  });
});
