import { describe, expect, it } from "vitest";
import { modelError, retryAfterMs } from "../../../src/capabilities/model-error.ts";
import { ThrottledError } from "../../../src/core/retry.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");

describe("retryAfterMs", () => {
  it.each([
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "1.5" }, 1_500],
    [{ "retry-after": "Tue, 24 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Tue, 24 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after-ms": "12.3" }, 13],
    [{ "retry-after-ms": "soon", "retry-after": "2" }, 2_000],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after-ms": "-5" }, undefined],
    [{}, undefined],
  ])("reads %j as %s ms", (headers, ms) => {
    expect(retryAfterMs(headers, NOW)).toBe(ms);
  });
});

describe("modelError", () => {
  it.each([
    ["an overload that arrives inside a stream", { type: "overloaded_error", message: "Overloaded" }],
    ["Bedrock's throttling", Object.assign(new Error("Too many requests"), { name: "ThrottlingException" })],
    [
      "a refused connection behind other errors",
      new Error("a", { cause: new AggregateError([Object.assign(new Error("b"), { code: "ECONNREFUSED" })]) }),
    ],
    ["a name that does not resolve", Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" })],
  ])("costs no attempt for %s", (_, error) => {
    expect(modelError(error, NOW)).toBeInstanceOf(ThrottledError);
  });

  it("leaves what it does not know as it is, to be tried again", () => {
    const unknown = new Error("odd");
    expect(modelError(unknown, NOW)).toBe(unknown);
    expect(modelError(Object.assign(unknown, { code: "ECONNRESET" }), NOW)).toBe(unknown);
    expect(modelError({ message: "odd" }, NOW)).toMatchObject({ message: expect.stringContaining("odd") });
    expect(modelError("odd", NOW)).toBeInstanceOf(Error);
  });

  it("comes to an end when errors cause each other", () => {
    const a = new Error("a");
    a.cause = new Error("b", { cause: a });
    expect(modelError(a, NOW)).toBe(a);
  });
});
