import { createHash } from "node:crypto";
import type { Request } from "express";

export const SLUICE_URL = process.env.SLUICE_URL ?? "http://127.0.0.1:8787";
const WINDOW_MS = 600_000;

/** What a route needs to know of a job. */
export interface Job {
  readonly id: string;
  readonly status: "running" | "dead-lettered" | "completed" | "failed" | "expired" | "cancelled";
  readonly result?: unknown;
}

/** Sluice will not take this job, however often it is sent: its key, say, or its workflow is unknown. */
export interface Refused {
  readonly id: undefined;
  readonly status: "refused";
}

/** What Sluice answers to a request that it may take later. */
const PASSING = [408, 425, 429];

/**
 * The job for a question, after at most `waitS` seconds: the one that this key began, however often it is submitted.
 * Undefined while Sluice does not answer, or takes no more jobs: try again later, with the same key.
 */
export async function submit(question: string, key: string, waitS: number): Promise<Job | Refused | undefined> {
  try {
    const response = await fetch(`${SLUICE_URL}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key, prefer: `wait=${waitS}` },
      body: JSON.stringify({ workflow: "analyze", input: { question } }),
      signal: AbortSignal.timeout((waitS + 5) * 1_000),
    });
    if (response.ok) return (await response.json()) as Job;
    const { status } = response;
    const answer = await response.text();
    if (status >= 500 || PASSING.includes(status)) return undefined;
    console.error(`Sluice answered ${status}: ${answer}`);
    return { id: undefined, status: "refused" };
  } catch {
    return undefined;
  }
}

/**
 * The same for each repeat of a request: by the `Idempotency-Key` that its client sends, or else, for clients that never sent
 * one, by caller and question within ten minutes.
 */
export function keyOf(request: Request, question: string): string {
  const repeat = request.get("idempotency-key") ?? Math.floor(Date.now() / WINDOW_MS);
  const parts = [request.get("authorization") ?? "", repeat, question];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
