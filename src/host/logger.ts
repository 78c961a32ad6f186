import { Logger as PowertoolsLogger } from "@aws-lambda-powertools/logger";
import type { Logger } from "../core/runtime.ts";
import type { HostOptions } from "./options.ts";

/** Structured JSON lines, the same as on Lambda. */
export function createLogger(logLevel: HostOptions["logLevel"]): Logger {
  const logger = new PowertoolsLogger({ serviceName: "sluice", logLevel });
  return {
    debug: (message, data) => logger.debug(message, { ...data }),
    info: (message, data) => logger.info(message, { ...data }),
    warn: (message, data) => logger.warn(message, { ...data }),
    error: (message, data) => logger.error(message, { ...data }),
  };
}
