import { ProblemError } from "../../src/contract/problem.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { refusedUrl } from "./receiver.ts";

/** Throws a 400 for a URL to which no webhook would be sent. What its name leads to is looked at when one is. */
export function checkReceiver(
  text: string,
  path: string,
  { webhooksToLoopback: allowLoopback = false }: Pick<Runtime, "webhooksToLoopback">,
): void {
  const refused = refusedUrl(new URL(text), { allowLoopback });
  if (refused === undefined) return;
  throw new ProblemError({
    title: "Invalid request",
    status: 400,
    detail: `no webhook is sent to ${JSON.stringify(text)}: ${refused}. Allowed are https URLs whose host is on the public internet`,
    errors: [{ path, message: refused }],
  });
}
