import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Blobs } from "../../core/ports.ts";
import { newJobId } from "./fixtures.ts";

export interface BlobsUnderTest {
  readonly blobs: Blobs;
  close(): Promise<void>;
}

/** What every {@link Blobs} does. */
export function testBlobs(name: string, factory: () => Promise<BlobsUnderTest>): void {
  const test = (behaviour: string, body: (blobs: Blobs) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port.blobs);
      } finally {
        await port.close();
      }
    });

  describe(`blobs: ${name}`, () => {
    test("gives back what was put, with every character", async (blobs) => {
      for (const text of ["", "plain", "\u0000 \u2028 é 漢字 😀 \r\n", "x".repeat(3_000_000)]) {
        expect(await blobs.get(await blobs.put(newJobId(), text))).toBe(text);
      }
    });

    test("says the size and digest of the text in UTF-8", async (blobs) => {
      const text = "漢字 😀";
      const ref = await blobs.put(newJobId(), text);
      expect(ref.bytes).toBe(11);
      expect(ref.sha256).toBe(createHash("sha256").update(text).digest("hex"));
    });

    test("takes one text twice, also at once", async (blobs) => {
      const jobId = newJobId();
      const refs = await Promise.all(Array.from({ length: 5 }, () => blobs.put(jobId, "same")));
      refs.push(await blobs.put(jobId, "same"));
      for (const ref of refs) {
        expect(ref).toEqual(refs[0]);
        expect(await blobs.get(ref)).toBe("same");
      }
    });

    test("keeps texts and jobs apart", async (blobs) => {
      const [one, other] = [newJobId(), newJobId()];
      const refs = await Promise.all([blobs.put(one, "a"), blobs.put(one, "b"), blobs.put(other, "a")]);
      expect(new Set(refs.map(({ key }) => key)).size).toBe(3);
      expect(await Promise.all(refs.map((ref) => blobs.get(ref)))).toEqual(["a", "b", "a"]);
    });

    test("rejects when it is not there", async (blobs) => {
      const ref = await blobs.put(newJobId(), "text");
      await expect(blobs.get({ ...ref, key: `${ref.key}0` })).rejects.toThrow();
    });

    test("rejects when it is not what the reference says", async (blobs) => {
      const jobId = newJobId();
      const [one, other] = [await blobs.put(jobId, "one"), await blobs.put(jobId, "other")];
      await expect(blobs.get({ ...one, key: other.key })).rejects.toThrow();
    });
  });
}
