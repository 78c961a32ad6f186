import type { IncomingMessage } from "node:http";
import { type Cors, isListed } from "../contract/cors.ts";
import { isLoopback } from "./options.ts";

export interface OriginRules {
  readonly cors: Cors | undefined;
  /** The server asks for no keys: whoever reaches it is let in. */
  readonly keyless: boolean;
}

/**
 * Whether the page that opens a WebSocket may do so: browsers let every page try, and send no preflight (RFC 6455, section
 * 10.2). True for the server's own pages, those of listed origins, without keys those of this machine, and for programs, which
 * send no Origin. `Host` must have been checked before where there are no keys.
 */
export function isAllowedOrigin(
  { headers }: Pick<IncomingMessage, "headers">,
  { cors, keyless }: OriginRules,
): boolean {
  const { origin, host = "" } = headers;
  if (origin === undefined || isListed(cors, origin)) return true;
  const page = URL.parse(origin);
  if (page === null) return false;
  return page.host === host.toLowerCase() || (keyless && isLoopback(page.hostname.replace(/^\[(.*)\]$/, "$1")));
}
