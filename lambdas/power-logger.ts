import { Logger as PowertoolsLogger } from "@aws-lambda-powertools/logger";
import { SERVICE_NAME } from "../src/contract/metrics.ts";
import type { Logger } from "../src/core/runtime.ts";

export interface LoggerOptions {
  /** @default of the environment, or INFO */
  readonly logLevel?: "DEBUG" | "INFO" | "WARN" | "ERROR";
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
  return {
    debug: (message, data) => logger.debug(message, { ...data }),
    info: (message, data) => logger.info(message, { ...data }),
    warn: (message, data) => logger.warn(message, { ...data }),
    error: (message, data) => logger.error(message, { ...data }),
  };
}
