import { Health, type JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";
import { Problem } from "../../src/contract/problem.ts";
import { SmokeError } from "./smoke-error.ts";

/** API Gateway gives up after 29 s. */
const ANSWER_MS = 30_000;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A piece of a job's log. */
export interface EventPage {
  readonly events: readonly JobEvent[];
  /** Where the next piece begins. */
  readonly next: number;
}

export interface ApiProps {
  /** Of the API, with the `/` that it ends in. */
  readonly url: string;
  /** Ends every call: each then rejects with its reason. */
  readonly signal: AbortSignal;
}

/** An instance's API as a caller sees it. Everything that a call should not get is a {@link SmokeError}. */
export class Api {
  readonly #props: ApiProps;

  constructor(props: ApiProps) {
    this.#props = props;
  }

  async checkHealth(): Promise<void> {
    const { url } = this.#props;
    const { status, body } = await this.#call("GET", "healthz");
    if (status !== 200 || !Health.safeParse(body).success) {
      throw new SmokeError(
        `${url}healthz answered ${status}, ${text(body)}: there is no instance of Sluice at this URL`,
      );
    }
  }

  async checkDoor(): Promise<void> {
    const { status } = await this.#call("GET", "v1/jobs");
    if (status === 401) return;
    throw new SmokeError(`without a key v1/jobs answered ${status}, not 401: anybody can call this instance`);
  }

  /** Resolves with undefined where the key is not known. */
  async submit(key: string, job: { readonly workflow: string; readonly input: unknown }, idempotencyKey: string) {
    const headers = { "content-type": "application/json", "idempotency-key": idempotencyKey };
    const answer = await this.#call("POST", "v1/jobs", key, { headers, body: JSON.stringify(job) });
    if (isRefusal(answer)) return undefined;
    return this.#expect(202, "POST v1/jobs", answer) as JobView;
  }

  async events(key: string, jobId: string, after: number): Promise<EventPage> {
    const path = `v1/jobs/${jobId}/events?after=${after}`;
    return this.#expect(200, path, await this.#call("GET", path, key)) as EventPage;
  }

  async job(key: string, jobId: string): Promise<JobView> {
    const path = `v1/jobs/${jobId}`;
    return this.#expect(200, path, await this.#call("GET", path, key)) as JobView;
  }

  #expect(status: number, what: string, answer: Answer): unknown {
    if (answer.status === status) return answer.body;
    const where = answer.status >= 500 ? " (docs/runbook.md#api-errors)" : "";
    throw new SmokeError(`${what} answered ${answer.status}, not ${status}: ${text(answer.body)}${where}`);
  }

  async #call(
    method: string,
    path: string,
    key?: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const { url, signal } = this.#props;
    const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    try {
      const response = await fetch(url + path, {
        method,
        headers: { ...headers, ...authorization },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
      });
      return { status: response.status, body: json(await response.text()) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new SmokeError(`${url} does not answer: ${reasonOf(error as Error)}. Another URL is given by --url`);
    }
  }
}

const isRefusal = ({ status }: Answer): boolean => status === 401 || status === 403;

/** What `fetch` says is "fetch failed"; the reason is below. */
const reasonOf = ({ message, cause }: Error): string => (cause instanceof Error && cause.message) || message;

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** A problem document in a line; what else was got, cut short. */
function text(body: unknown): string {
  const problem = Problem.safeParse(body);
  if (!problem.success) return JSON.stringify(body).slice(0, 200);
  const { detail, errors = [], requestId } = problem.data;
  const violations = errors.map(({ path, message }) => `${path}: ${message}`);
  return [detail, ...violations, ...(requestId === undefined ? [] : [`request ${requestId}`])].join("; ");
}
