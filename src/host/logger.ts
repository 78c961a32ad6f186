import { powerLogger } from "../../lambdas/power-logger.ts";
import type { Logger } from "../core/runtime.ts";
import type { HostOptions } from "./options.ts";

/** Structured JSON lines, the same as on Lambda. */
export const createLogger = (logLevel: HostOptions["logLevel"]): Logger => powerLogger({ logLevel });
