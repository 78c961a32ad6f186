import type { JobSummary, JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";

const TIMEOUT_MS = 5_000;
const PAGE = 1_000;

export interface Submission {
  readonly tenant: string;
  readonly workflow: string;
  readonly input: { readonly n: number };
  readonly idempotencyKey: string;
}

/** The engine answered, and not as it should. */
export class ApiError extends Error {
  override readonly name = "ApiError";
}

/** A caller of the engine's HTTP API, with nothing but fetch. Every method rejects with an {@link ApiError} for an answer that should not be, with another error when the engine is gone. */
export class ApiClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The job's id, and whether the key had been used before. */
  async submit(
    { tenant, workflow, input, idempotencyKey }: Submission,
    timeoutMs = TIMEOUT_MS,
  ): Promise<{ id: string; replayed: boolean }> {
    const response = await fetch(`${this.#url}/v1/jobs`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": idempotencyKey, "x-tenant-id": tenant },
      body: JSON.stringify({ workflow, input }),
      signal: AbortSignal.timeout(Math.ceil(timeoutMs)),
    });
    const text = await response.text();
    if (response.status !== 202) throw new ApiError(`POST /v1/jobs: expected 202, got ${response.status}: ${text}`);
    return { id: (JSON.parse(text) as JobView).id, replayed: response.headers.get("idempotency-replayed") === "true" };
  }

  /** Undefined: there is no such job. */
  job(tenant: string, id: string): Promise<JobView | undefined> {
    return this.#get(tenant, `/v1/jobs/${id}`);
  }

  /** All of the tenant's. */
  async jobs(tenant: string): Promise<JobSummary[]> {
    const jobs: JobSummary[] = [];
    for (let cursor = ""; ; ) {
      const page = await this.#get<{ jobs: JobSummary[]; next?: string }>(tenant, `/v1/jobs?limit=100${cursor}`);
      jobs.push(...(page?.jobs ?? []));
      if (page?.next === undefined) return jobs;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }

  /** The whole log. */
  async events(tenant: string, id: string): Promise<JobEvent[]> {
    const events: JobEvent[] = [];
    for (;;) {
      const path = `/v1/jobs/${id}/events?limit=${PAGE}&after=${events.length}`;
      const page = await this.#get<{ events: JobEvent[] }>(tenant, path);
      if (page === undefined || page.events.length === 0) return events;
      events.push(...page.events);
    }
  }

  /** Attempts that count, of each capability. */
  async maxAttempts(): Promise<ReadonlyMap<string, number>> {
    const list = await this.#get<{ capabilities: { name: string; maxAttempts: number }[] }>("soak", "/v1/capabilities");
    return new Map(list?.capabilities.map(({ name, maxAttempts }) => [name, maxAttempts]));
  }

  async #get<T>(tenant: string, path: string): Promise<T | undefined> {
    const headers = { "x-tenant-id": tenant };
    const response = await fetch(this.#url + path, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw new ApiError(`GET ${path}: expected 200, got ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}
