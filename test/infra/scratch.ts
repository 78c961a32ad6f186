import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, vi } from "vitest";

/** Whatever makes temporary folders while a file's tests run makes them here: a synth leaves its output. */
export const SCRATCH = mkdtempSync(join(tmpdir(), "sluice-infra-"));
vi.stubEnv("TMPDIR", SCRATCH);

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(SCRATCH, { recursive: true, force: true });
});
