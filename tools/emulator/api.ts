import type { JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";

const POLL_MS = 200;

/** A new key counts within seconds, but one that was asked for before it did is remembered as unknown for a while. */
const NEW_KEY_MS = 90_000;

/** A caller of an instance's API with one key, which may be new. */
export class Api {
  readonly #url: string;
  readonly #key: string;

  /** @param url ends in `/` */
  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  async #call(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json" },
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${init.method ?? "GET"} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Resolves when the key counts. */
  async admitted(): Promise<this> {
    const deadline = Date.now() + NEW_KEY_MS;
    for (;;) {
      try {
        await this.#call("v1/jobs");
        return this;
      } catch (error) {
        if (!(error as Error).message.includes(": 401 ") || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5 * POLL_MS));
      }
    }
  }

  async submit(workflow: string, input: unknown): Promise<JobView> {
    return (await this.#call("v1/jobs", { method: "POST", body: JSON.stringify({ workflow, input }) })) as JobView;
  }

  async redrive(id: string, stepId: string): Promise<JobView> {
    return (await this.#call(`v1/jobs/${id}/redrive`, { method: "POST", body: JSON.stringify({ stepId }) })) as JobView;
  }

  /** The first 1,000 events. */
  async events(id: string): Promise<readonly JobEvent[]> {
    return ((await this.#call(`v1/jobs/${id}/events?limit=1000`)) as { events: JobEvent[] }).events;
  }

  async job(id: string): Promise<JobView> {
    return (await this.#call(`v1/jobs/${id}`)) as JobView;
  }

  /** Asks until the job is no longer running. Throws after `withinMs`. */
  async settled(id: string, withinMs = 60_000): Promise<JobView> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const job = await this.job(id);
      if (job.status !== "running") return job;
      if (Date.now() > deadline) throw new Error(`job ${id} still runs after ${withinMs / 1_000} s`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
