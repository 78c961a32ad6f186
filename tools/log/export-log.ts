import { type EventPage, type JobView, MAX_EVENTS } from "../../src/contract/api.ts";
import { Problem } from "../../src/contract/problem.ts";
import { type ExportedJob, sealing } from "../../src/testing/verify-log.ts";

/** The API did not hand out the log. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** Nobody answered. */
export class NoAnswerError extends ExportError {}

export interface ExportProps {
  /** Of the API, with the `/` that it ends in. */
  readonly url: string;
  readonly jobId: string;
  readonly key?: string | undefined;
  /** Where there are no keys. */
  readonly tenant?: string | undefined;
}

/** A job's log as JSON lines, without their ends: what the job has come to, the events that led there, a seal. */
export async function* exportLog({ url, jobId, key, tenant }: ExportProps): AsyncGenerator<string> {
  const headers: Record<string, string> = {};
  if (key !== undefined) headers.authorization = `Bearer ${key}`;
  if (tenant !== undefined) headers["x-tenant-id"] = tenant;
  const job = (await get(`${url}v1/jobs/${jobId}`, headers)) as JobView;
  const seal = sealing();
  const sealed = (line: object): string => {
    const text = JSON.stringify(line);
    seal.add(text);
    return text;
  };
  yield sealed({ sluiceLog: 1, job } satisfies ExportedJob);
  for (let after = 0; after < job.seq; ) {
    const page = (await get(`${url}v1/jobs/${jobId}/events?after=${after}&limit=${MAX_EVENTS}`, headers)) as EventPage;
    // What came after the job was looked at is not in what it had come to.
    for (const event of page.events) if (event.seq <= job.seq) yield sealed(event);
    if (page.next <= after) throw new ExportError(`the log of ${jobId} ends at ${after}, its job says ${job.seq}`);
    after = page.next;
  }
  yield seal.end();
}

async function get(url: string, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(url, { headers }).catch((error: Error) => {
    throw new NoAnswerError(
      `${url} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`,
    );
  });
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body;
  const problem = Problem.safeParse(body);
  throw new ExportError(
    `${url} answered ${response.status}: ${problem.success ? problem.data.detail : "no problem document"}`,
  );
}
