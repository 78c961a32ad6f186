import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { percentile, type Report } from "../report.ts";
import { newDataDir, removeData } from "../sluice.ts";

const SYNCS = 200;
const PAGE = Buffer.alloc(4_096, 1);

/** How long the disk takes to make 4 KB durable: it bounds everything else. */
export function disk(): Report {
  const dir = newDataDir();
  try {
    const measured = (["fsync", "fdatasync"] as const).map((name) => ({ name, ms: times(join(dir, name), name) }));
    return {
      tables: [
        {
          title: `Disk: ${SYNCS} × append 4 KB and sync`,
          columns: ["call", "p50 ms", "p95 ms", "max ms"],
          rows: measured.map(({ name, ms }) => [name, percentile(ms, 0.5), percentile(ms, 0.95), Math.max(...ms)]),
        },
      ],
      checks: [],
      data: Object.fromEntries(
        measured.map(({ name, ms }) => [name, { p50Ms: percentile(ms, 0.5), p95Ms: percentile(ms, 0.95) }]),
      ),
    };
  } finally {
    removeData(dir);
  }
}

function times(path: string, call: "fsync" | "fdatasync"): number[] {
  const file = openSync(path, "w");
  try {
    return Array.from({ length: SYNCS }, () => {
      const startedMs = performance.now();
      writeSync(file, PAGE);
      if (call === "fsync") fsyncSync(file);
      else fdatasyncSync(file);
      return performance.now() - startedMs;
    });
  } finally {
    closeSync(file);
  }
}
