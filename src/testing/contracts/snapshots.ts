import { describe, expect, it } from "vitest";
import type { Snapshots } from "../../core/ports.ts";
import { newJobId } from "./fixtures.ts";

export interface SnapshotsUnderTest {
  readonly snapshots: Snapshots;
  close(): Promise<void>;
}

/** What every {@link Snapshots} does. */
export function testSnapshots(name: string, factory: () => Promise<SnapshotsUnderTest>): void {
  const test = (behaviour: string, body: (snapshots: Snapshots) => Promise<void>): void =>
    it(behaviour, async () => {
      const port = await factory();
      try {
        await body(port.snapshots);
      } finally {
        await port.close();
      }
    });

  describe(`snapshots: ${name}`, () => {
    test("gives back what was put, with every character", async (snapshots) => {
      const jobId = newJobId();
      for (const [seq, text] of ["{}", "\u0000 \u2028 é 漢字 😀 \r\n", "x".repeat(3_000_000)].entries()) {
        await snapshots.put(jobId, seq, text);
        expect(await snapshots.get(jobId, seq)).toBe(text);
      }
    });

    test("has nothing where nothing was put", async (snapshots) => {
      const jobId = newJobId();
      await snapshots.put(jobId, 16, "{}");
      expect(await snapshots.get(jobId, 32)).toBeUndefined();
      expect(await snapshots.get(newJobId(), 16)).toBeUndefined();
    });

    test("takes one snapshot twice", async (snapshots) => {
      const jobId = newJobId();
      await snapshots.put(jobId, 16, "first");
      await snapshots.put(jobId, 16, "second");
      expect(["first", "second"]).toContain(await snapshots.get(jobId, 16));
    });
  });
}
