import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJobId, isTenantId, jobIdFrom } from "../../../src/contract/ids.ts";

describe("job ids", () => {
  it("are accepted by their own check, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 40 }), (bytes) => {
        expect(isJobId(jobIdFrom(bytes))).toBe(true);
      }),
    );
  });

  it("differ where 128 bits differ", () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(jobIdFrom(a) === jobIdFrom(b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
    for (let bit = 0; bit < 128; bit++) {
      const flipped = new Uint8Array(16);
      flipped[bit >> 3] = 1 << (bit & 7);
      expect(jobIdFrom(flipped)).not.toBe(jobIdFrom(new Uint8Array(16)));
    }
  });

  it("are base32 of RFC 4648 in lower case", () => {
    // "foobarfoobarfoobar", as coreutils' base32 writes its first 130 bits.
    expect(jobIdFrom(Buffer.from("foobarfoobarfoobar"))).toBe("job_mzxw6ytbojtg633cmfzgm33pmj");
  });

  it("need 16 bytes", () => {
    expect(() => jobIdFrom(new Uint8Array(15))).toThrow("16 bytes, got 15");
  });

  it.each([
    "",
    "job_",
    `job_${"A".repeat(26)}`,
    `job_${"a".repeat(25)}`,
    `job_${"a".repeat(27)}`,
    `job_${"1".repeat(26)}`,
    `x${"job_"}${"a".repeat(26)}`,
    `job_${"a".repeat(26)}\n`,
  ])("are not %j", (text) => {
    expect(isJobId(text)).toBe(false);
  });
});

describe("tenant ids", () => {
  it.each(["a", "acme", "A.b_c-9", "9", "x".repeat(64)])("are %j", (text) => {
    expect(isTenantId(text)).toBe(true);
  });

  it.each(["", "-a", ".a", "_a", "a b", "a/b", "a\n", "ä", "x".repeat(65)])("are not %j", (text) => {
    expect(isTenantId(text)).toBe(false);
  });
});
