import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Commit, EventBody } from "../../../src/contract/events.ts";
import type { Json } from "../../../src/contract/json.ts";
import { decodeCommit, encodeCommit, MAX_COMMIT_BYTES } from "../../../src/core/commit-codec.ts";
import type { Blobs, StoredCommit } from "../../../src/core/ports.ts";
import { MemoryBlobs } from "../../../src/engines/embedded/file-blobs.ts";
import { completed, failed, logOf, progress, redriven, requested, started, submitted, timerSet } from "./fixtures.ts";

/** Counts what goes to the blob store. */
class CountingBlobs extends MemoryBlobs implements Blobs {
  puts = 0;

  override put(...args: Parameters<Blobs["put"]>): ReturnType<Blobs["put"]> {
    this.puts += 1;
    return super.put(...args);
  }
}

const commitOf = (...events: EventBody[]): Commit => {
  const [commit] = logOf(events);
  if (!commit) throw new Error("unreachable");
  return commit;
};
const encode = async (commit: Commit, blobs: Blobs): Promise<StoredCommit> =>
  (await encodeCommit(commit, blobs)).stored;
const decode = async (stored: StoredCommit, blobs: Blobs): Promise<Commit> =>
  (await decodeCommit(stored, blobs)).commit;
const bytes = (stored: StoredCommit): number => Buffer.byteLength(stored.body);
const plain = (commit: Commit): unknown => JSON.parse(JSON.stringify(commit));

describe("a stored commit", () => {
  it("has its header beside its events, and the seq of the last one", async () => {
    const { body, ...header } = await encode(commitOf(submitted(), requested("a")), new MemoryBlobs());
    expect(header).toMatchObject({ firstSeq: 1, lastSeq: 2, deploySeq: 1, commitId: "c0", tenant: "acme" });
    expect(JSON.parse(body)).toHaveLength(2);
  });

  it("needs no blob store up to its limit, to the byte", async () => {
    const empty = Buffer.byteLength(JSON.stringify([completed("a", "")]));
    for (const [over, puts] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const blobs = new CountingBlobs();
      const stored = await encode(commitOf(completed("a", "x".repeat(MAX_COMMIT_BYTES - empty + over))), blobs);
      expect(blobs.puts).toBe(puts);
      expect(bytes(stored)).toBeLessThanOrEqual(MAX_COMMIT_BYTES);
    }
  });

  it("counts bytes of UTF-8, not characters", async () => {
    const blobs = new CountingBlobs();
    await encode(commitOf(completed("a", "漢".repeat(30_000))), blobs);
    expect(blobs.puts).toBe(1);
  });

  it("checks in the largest values, and no more of them than it must", async () => {
    const blobs = new CountingBlobs();
    const [small, large, middle] = ["s".repeat(20_000), "l".repeat(90_000), "m".repeat(30_000)];
    const commit = commitOf(completed("a", small), completed("b", large), completed("c", middle));
    const stored = await encode(commit, blobs);
    expect(blobs.puts).toBe(1);
    expect(stored.body).toContain(small);
    expect(stored.body).toContain(middle);
    expect(stored.body).not.toContain("lll");
    expect(await decode(stored, blobs)).toEqual(commit);
  });

  it.each<[string, EventBody[]]>([
    [
      "a thousand small steps",
      Array.from({ length: 1_000 }, (_, n) => requested(`s${n}`, { input: { n, text: "x".repeat(80) } })),
    ],
    [
      "many failures with long errors",
      Array.from({ length: 64 }, (_, n) => failed(`s${n}`, { error: { name: "E", message: "m".repeat(2_000) } })),
    ],
  ])("is within its limit also with %s", async (_, events) => {
    const blobs = new CountingBlobs();
    const commit = commitOf(...events);
    const stored = await encode(commit, blobs);
    expect(bytes(stored)).toBeLessThanOrEqual(MAX_COMMIT_BYTES);
    expect(blobs.puts).toBeLessThanOrEqual(1);
    expect(await decode(stored, blobs)).toEqual(commit);
  });

  it("decodes to what was encoded and is never larger than its limit, whatever the values", async () => {
    const value = fc.oneof(
      fc.jsonValue() as fc.Arbitrary<Json>,
      fc
        .tuple(fc.string({ minLength: 1, unit: "grapheme" }), fc.integer({ min: 1, max: 30_000 }))
        .map(([text, times]) => text.repeat(times).slice(0, 90_000)),
    );
    const event = fc.oneof(
      value.map((input) => requested("a", { input })),
      value.map((result) => completed("a", result)),
      value.map((output) => failed("a", { output })),
      value.map((output) => progress("a", "text", { final: true, output })),
      value.map((input) => redriven("a", 1, { input })),
      value.map((output): EventBody => ({ type: "job.completed", output })),
      fc.constant(started("a")),
      fc.constant(timerSet("nap", 1)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 8 }), async (events) => {
        const blobs = new MemoryBlobs();
        const commit = commitOf(...events);
        const before = plain(commit);
        const stored = await encode(commit, blobs);
        expect(bytes(stored)).toBeLessThanOrEqual(MAX_COMMIT_BYTES);
        expect(plain(await decode(stored, blobs))).toEqual(before);
        expect(plain(commit)).toEqual(before);
      }),
    );
  });

  it("says how much it is, whether or not it went to the blob store", async () => {
    for (const length of [10, 100_000]) {
      const blobs = new MemoryBlobs();
      const { stored, characters } = await encodeCommit(commitOf(completed("a", "x".repeat(length))), blobs);
      expect(characters).toBeGreaterThan(length);
      expect((await decodeCommit(stored, blobs)).characters).toBeGreaterThan(length);
    }
  });

  it("moves the input that a person has given to a redriven step to the blob store, and back", async () => {
    const blobs = new CountingBlobs();
    const commit = commitOf(redriven("a", 1, { input: "x".repeat(100_000), reason: "shorter" }));
    const stored = await encode(commit, blobs);
    expect(bytes(stored)).toBeLessThan(1_000);
    expect(JSON.parse(stored.body)).toMatchObject([{ reason: "shorter", refs: { input: { bytes: 100_002 } } }]);
    expect(await decode(stored, blobs)).toEqual(commit);
  });

  it("fails to be read where a value is gone from the blob store", async () => {
    const stored = await encode(commitOf(completed("a", "x".repeat(100_000))), new MemoryBlobs());
    await expect(decode(stored, new MemoryBlobs())).rejects.toThrow("cannot be read");
  });
});
