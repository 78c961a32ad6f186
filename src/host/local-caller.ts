import type { IncomingMessage } from "node:http";
import { type Cors, isListed } from "../contract/cors.ts";
import { ProblemError } from "../contract/problem.ts";

const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
/** What a browser says of a request by a page of this server, or by nobody's (fetch.spec: `Sec-Fetch-Site`). */
const OWN_SITE = ["same-origin", "none"];

/**
 * Without keys whoever reaches the server is let in, and a browser on this machine reaches it for any page that it shows.
 * Throws a {@link ProblemError} for what such a page can send:
 *
 * 1. by a name of its own that leads to this machine (DNS rebinding): 421;
 * 2. by a form or a `no-cors` request, whose answer it cannot see, but which would change something: 403. A page of another
 *    site gets no further by reading: it is given no CORS headers. With keys it would have to know one.
 *
 * Pages of listed origins are let through.
 */
export function checkLocalCaller(
  { method, headers }: Pick<IncomingMessage, "method" | "headers">,
  cors: Cors | undefined,
): void {
  const { host = "", origin, "sec-fetch-site": site } = headers;
  if (!LOCAL_HOST.test(host)) {
    throw new ProblemError({
      title: "Misdirected request",
      status: 421,
      detail: `this server answers as localhost, 127.0.0.1 or [::1] only; got Host ${JSON.stringify(host)}`,
    });
  }
  if (method === "GET" || method === "HEAD") return;
  if (origin !== undefined && isListed(cors, origin)) return;
  const isOwn = site === undefined || OWN_SITE.includes(String(site));
  if (isOwn && (origin === undefined || URL.parse(origin)?.host === host.toLowerCase())) return;
  throw new ProblemError({
    title: "Foreign page",
    status: 403,
    detail: `this server needs no key, so it takes nothing from web pages of other sites; got Origin ${JSON.stringify(origin ?? "")}. Call it from a program, start it with keys, or list the origin with --cors`,
  });
}
