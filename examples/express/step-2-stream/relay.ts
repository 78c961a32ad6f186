import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Request, Response } from "express";
import { SLUICE_URL } from "../step-1-wait/submit.ts";

/** Nothing else of a caller's becomes part of a path. */
const JOB_ID = /^job_[a-z2-7]+$/;

/**
 * Passes on what Sluice says of a job, as it comes: how it stands, or its events for as long as the reader stays. This is the
 * place to ask whether the caller may see this job, and what of it: events hold the prompts, too.
 */
export async function relay(request: Request<{ id: string }>, response: Response, what: "" | "/events"): Promise<void> {
  const { id } = request.params;
  if (!JOB_ID.test(id)) {
    response.status(404).json({ error: "there is no such analysis" });
    return;
  }
  const left = new AbortController();
  response.on("close", () => left.abort());
  const headers = new Headers({ accept: request.get("accept") ?? "application/json" });
  const cursor = request.get("last-event-id") ?? request.query.after;
  if (typeof cursor === "string") headers.set("last-event-id", cursor);
  try {
    const answer = await fetch(`${SLUICE_URL}/v1/jobs/${id}${what}`, { headers, signal: left.signal });
    response.status(answer.status);
    for (const name of ["content-type", "cache-control", "retry-after"]) {
      const value = answer.headers.get(name);
      if (value !== null) response.set(name, value);
    }
    if (answer.body === null) response.end();
    else await pipeline(Readable.fromWeb(answer.body), response);
  } catch {
    // Sluice is being started again: the reader comes back, and goes on after the last event that it has.
    if (response.headersSent) response.destroy();
    else response.status(503).set("retry-after", "1").end();
  }
}
