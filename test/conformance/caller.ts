import { expect } from "vitest";
import type { z } from "zod";
import { CapabilityList, DeadLetterList, EventPage, JobList, JobView } from "../../src/contract/api.ts";
import { JobEvent } from "../../src/contract/events.ts";
import { PROBLEM_MEDIA_TYPE, Problem } from "../../src/contract/problem.ts";
import { brokenInvariants } from "../../src/testing/check-log.ts";
import { eventually } from "./eventually.ts";
import type { Patience } from "./target.ts";

const ANSWER_MS = 30_000;

export interface CallerProps {
  readonly url: string;
  /** Undefined: without any. */
  readonly key: string | undefined;
  readonly patience: Patience;
}

/** A caller of the API, with nothing but fetch. It remembers the jobs that were accepted for it. */
export class Caller {
  readonly url: string;
  readonly patience: Patience;
  readonly #key: string | undefined;
  readonly #made = new Set<string>();

  constructor({ url, key, patience }: CallerProps) {
    this.url = url;
    this.patience = patience;
    this.#key = key;
  }

  /** @param path below the base URL, without a leading slash */
  async call(path: string, init: RequestInit & { readonly headers?: Record<string, string> } = {}): Promise<Response> {
    const authorization = this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` };
    const headers = { ...authorization, ...init.headers };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(new URL(path, this.url), { signal, ...init, headers });
    if (response.status === 202) this.#made.add(((await response.clone().json()) as { id: string }).id);
    return response;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.call(path, { headers });
  }

  /** Submits a body as it is, or a value as JSON. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response> {
    return this.send("v1/jobs", body, headers);
  }

  /** POSTs a text as it is, another value as JSON, undefined as no body at all. */
  send(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    if (body === undefined) return this.call(path, { method: "POST", headers });
    return this.call(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  /** A command on a job that is answered with the job. */
  async command(id: string, name: "cancel" | "redrive" | "discard", body?: object): Promise<JobView> {
    return read(JobView, await this.send(`v1/jobs/${id}/${name}`, body));
  }

  async deadLetters(query = ""): Promise<z.infer<typeof DeadLetterList>> {
    return read(DeadLetterList, await this.get(`v1/dead-letters${query}`));
  }

  async submit(workflow: string, input: unknown, options?: object): Promise<JobView> {
    const response = await this.post({ workflow, input, ...(options ? { options } : {}) });
    return jobOf(response);
  }

  async job(id: string): Promise<JobView> {
    return read(JobView, await this.get(`v1/jobs/${id}`));
  }

  async list(query = ""): Promise<z.infer<typeof JobList>> {
    return read(JobList, await this.get(`v1/jobs${query}`));
  }

  async page(id: string, query = ""): Promise<z.infer<typeof EventPage>> {
    return read(EventPage, await this.get(`v1/jobs/${id}/events${query}`));
  }

  async capabilities(): Promise<z.infer<typeof CapabilityList>> {
    return read(CapabilityList, await this.get("v1/capabilities"));
  }

  /** The whole log, page by page. Throws where a page does not go on where the one before ended. */
  async events(id: string): Promise<JobEvent[]> {
    const events: JobEvent[] = [];
    for (;;) {
      const page = await this.page(id, `?limit=1000&after=${events.length}`);
      const [first] = page.events;
      if (first && first.seq !== events.length + 1) {
        throw new Error(`the page of ${id} after seq ${events.length} begins with seq ${first.seq}`);
      }
      events.push(...(page.events as JobEvent[]));
      if (page.ended || page.events.length === 0) return events;
    }
  }

  /** Resolves with the job once it is no longer running. */
  settled(id: string): Promise<JobView> {
    return this.#until(id, ({ status }) => status !== "running", this.patience.settleMs);
  }

  /** Resolves with the job once it has expired. */
  expired(id: string): Promise<JobView> {
    return this.#until(id, ({ status }) => status === "expired", this.patience.expireMs);
  }

  async run(workflow: string, input: unknown, options?: object): Promise<JobView> {
    return this.settled((await this.submit(workflow, input, options)).id);
  }

  /** Reads until it is as wanted: what is read may be behind what has happened. */
  late<T>(what: string, from: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
    return eventually(what, from, wanted, { withinMs: this.patience.lateMs, pollMs: this.patience.pollMs });
  }

  /** Every job that was accepted for this caller settles, breaks no invariant, and looks the same to both readers. */
  async checkJobs(): Promise<void> {
    if (this.#made.size === 0) return;
    const { capabilities } = await this.capabilities();
    const maxAttempts = new Map(capabilities.map((each) => [each.name, each.maxAttempts]));
    for (const id of this.#made) {
      await this.settled(id);
      const log = await this.events(id);
      for (const event of log) JobEvent.parse(event);
      expect(brokenInvariants(log, maxAttempts), `the log of ${id}`).toEqual([]);
      const job = await this.job(id);
      const again = job.seq === log.length ? log : await this.events(id);
      expect(summaryOf(job), `${id}, beside its log`).toEqual(summaryOfLog(again));
    }
  }

  #until(id: string, wanted: (job: JobView) => boolean, withinMs: number): Promise<JobView> {
    return eventually(`job ${id}`, () => this.job(id), wanted, { withinMs, pollMs: this.patience.pollMs });
  }
}

/** The job of an accepted submission. */
export async function jobOf(response: Response): Promise<JobView> {
  return read(JobView, response, 202);
}

/** The problem document that a response must be. */
export async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")?.split(";")[0]).toBe(PROBLEM_MEDIA_TYPE);
  const problem = Problem.parse(await response.json());
  expect(problem.status).toBe(response.status);
  expect(problem.requestId).toBeTruthy();
  return problem;
}

export const pathsOf = (problem: Problem): string[] => (problem.errors ?? []).map(({ path }) => path);

async function read<S extends z.ZodType>(schema: S, response: Response, status = 200): Promise<z.output<S>> {
  if (response.status !== status) {
    throw new Error(`expected ${status}, got ${response.status} of ${response.url}: ${await response.text()}`);
  }
  expect(response.headers.get("content-type")?.split(";")[0]).toBe("application/json");
  return schema.parse(await response.json());
}

/** What a job's view says that its log says, too. */
const summaryOf = ({ seq, steps }: JobView) => ({
  seq,
  attempts: steps.map(({ id, attempts }) => [id, attempts.map(({ attempt }) => attempt)]),
});

const summaryOfLog = (log: readonly JobEvent[]): ReturnType<typeof summaryOf> => ({
  seq: log.length,
  attempts: log
    .filter((event) => event.type === "step.requested")
    .map(({ stepId }) => [
      stepId,
      log.flatMap((event) => (event.type === "step.started" && event.stepId === stepId ? [event.attempt] : [])),
    ]),
});
