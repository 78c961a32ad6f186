import { Logger as PowertoolsLogger } from "@aws-lambda-powertools/logger";
import { SERVICE_NAME } from "../src/contract/metrics.ts";
import type { Logger } from "../src/core/runtime.ts";

const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;
type Level = (typeof LEVELS)[number];

export interface LoggerOptions {
  /** @default of the environment (`POWERTOOLS_LOG_LEVEL`), or INFO */
  readonly logLevel?: Level;
  /** On every line. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** Structured JSON lines, the same on Lambda and on one machine. */
export function powerLogger({ logLevel, keys = {} }: LoggerOptions = {}): Logger {
  const logger = new PowertoolsLogger({
    serviceName: SERVICE_NAME,
    ...(logLevel ? { logLevel } : {}),
    persistentKeys: { ...keys },
  });
  // Powertools goes by Lambda's own level, where there is one: that lets through what metrics need.
  const least = LEVELS.indexOf(logLevel ?? (process.env.POWERTOOLS_LOG_LEVEL as Level | undefined) ?? "INFO");
  const isOn = (level: Level): boolean => LEVELS.indexOf(level) >= least;
  return {
    debug: (message, data) => isOn("DEBUG") && logger.debug(message, { ...data }),
    info: (message, data) => isOn("INFO") && logger.info(message, { ...data }),
    warn: (message, data) => isOn("WARN") && logger.warn(message, { ...data }),
    error: (message, data) => logger.error(message, { ...data }),
  };
}
