import { afterEach, expect, test, vi } from "vitest";
import { powerLogger } from "../../../lambdas/power-logger.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** The levels that are written by a function whose variable says `level`, and whose Lambda drops what is below `lambda`. */
function written(level: string | undefined, lambda: string | undefined): string[] {
  vi.stubEnv("POWERTOOLS_LOG_LEVEL", level);
  vi.stubEnv("AWS_LAMBDA_LOG_LEVEL", lambda);
  const levels: string[] = [];
  const write = (chunk: unknown): boolean => levels.push(JSON.parse(String(chunk)).level) > 0;
  vi.spyOn(process.stdout, "write").mockImplementation(write);
  vi.spyOn(process.stderr, "write").mockImplementation(write);
  const logger = powerLogger();
  for (const name of ["debug", "info", "warn", "error"] as const) logger[name]("said", {});
  vi.restoreAllMocks();
  return levels;
}

test.each([
  ["WARN", "INFO", ["WARN", "ERROR"]],
  ["ERROR", "INFO", ["ERROR"]],
  ["INFO", "INFO", ["INFO", "WARN", "ERROR"]],
  ["DEBUG", "DEBUG", ["DEBUG", "INFO", "WARN", "ERROR"]],
  ["WARN", undefined, ["WARN", "ERROR"]],
  [undefined, undefined, ["INFO", "WARN", "ERROR"]],
])("a function's level is %s where Lambda's is %s", (level, lambda, levels) => {
  expect(written(level, lambda)).toEqual(levels);
});
