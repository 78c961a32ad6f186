import type { Channel } from "./channels/channel.ts";
import { pollChannel } from "./channels/poll.ts";
import { sseChannel } from "./channels/sse.ts";
import { type WebSocketConstructor, webSocketChannel } from "./channels/websocket.ts";
import { type Fetch, Http } from "./http.ts";
import { type CallOptions, Job, type JobDeps, type SubmittedJob, type TypedJobView } from "./job.ts";
import { Listing } from "./listing.ts";
import { randomKey } from "./random-key.ts";
import { type ChannelName, DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
import { baseOf, checkHeader } from "./sendable.ts";
import type { TicketSource } from "./tickets.ts";
import type { AnyWorkflow, InputOf, NameOf, WorkflowShape } from "./typed.ts";
import type {
  CapabilityList,
  DeadLetterView,
  JobStatus,
  JobSummary,
  RedriveAllRequest,
  RedrivenList,
  WebhookRequest,
} from "./wire.ts";

export interface ClientOptions {
  /** The URL below which `v1/jobs` is. */
  readonly url: string | URL;
  /** Stands for a tenant. */
  readonly key?: string | undefined;
  /** Whose jobs, where the server needs no keys. */
  readonly tenant?: string | undefined;
  /**
   * In the place of a key, where there must be none: gets a ticket for a job from one's own server. With it only events can
   * be read, on every channel.
   */
  readonly ticket?: TicketSource;
  /** @default the runtime's */
  readonly fetch?: Fetch;
  /** @default the runtime's, which Node has from 22 on */
  readonly WebSocket?: WebSocketConstructor;
  /** @default what a ticket says */
  readonly webSocketUrl?: string | URL;
  /** How jobs are followed. `auto`: the best that works. @default "auto" */
  readonly channel?: ChannelName | "auto";
  /** In the place of {@link DEFAULT_RETRY}'s. */
  readonly retry?: Partial<RetryPolicy>;
}

export interface SubmitOptions extends CallOptions {
  /** The same key is the same job. @default a random one, so that a submission is safe to send again */
  readonly idempotencyKey?: string;
  /** The job expires when it has not ended after this time, in ms. */
  readonly deadlineMs?: number;
  /** No step starts before. */
  readonly startAt?: string | Date;
  /** Is told of this job, besides the tenant's endpoints. */
  readonly webhook?: WebhookRequest;
  /** The server waits with its answer for the job's end, at most so long (up to 25). @default 0 */
  readonly waitSeconds?: number;
}

export interface ListOptions extends CallOptions {
  readonly status?: JobStatus | undefined;
  readonly workflow?: string | undefined;
  /** Jobs in a page, up to 100. */
  readonly limit?: number | undefined;
}

export interface DeadLetterFilter {
  readonly workflow?: string | undefined;
  readonly capability?: string | undefined;
  /** The name of the error, such as `TimeoutError`. */
  readonly error?: string | undefined;
}

/**
 * A client of one server, for one tenant. All methods throw {@link SluiceError} for what the server refuses,
 * {@link ConnectionError} where it cannot be reached, and the reason of an `AbortSignal` that aborts.
 *
 * @example
 * const client = new SluiceClient({ url: "http://127.0.0.1:8787" });
 * const job = await client.submit<typeof analysis>("analysis", { query: "How are SQS queues encrypted?" });
 * for await (const chunk of job.text()) process.stdout.write(chunk.text);
 * console.log((await job.result()).answer);
 */
export class SluiceClient {
  readonly #http: Http;
  readonly #deps: JobDeps;

  /** Throws `OptionError` where the URL, the key or the tenant can never be sent. */
  constructor(options: ClientOptions) {
    const base = baseOf(options.url);
    if (options.key !== undefined) checkHeader(options.key, "key");
    if (options.tenant !== undefined) checkHeader(options.tenant, "tenant");
    const headers: Record<string, string> = {};
    if (options.key !== undefined) headers.authorization = `Bearer ${options.key}`;
    if (options.tenant !== undefined) headers["x-tenant-id"] = options.tenant;
    const policy = { ...DEFAULT_RETRY, ...options.retry };
    // The runtime's fetch wants to be called as its own.
    const doFetch: Fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#http = new Http(base, headers, doFetch, policy);
    const channels: readonly Channel[] = [
      webSocketChannel({
        http: this.#http,
        policy,
        WebSocket: options.WebSocket ?? globalThis.WebSocket,
        url: options.webSocketUrl,
        ticketOf: options.ticket,
      }),
      sseChannel(this.#http, options.ticket),
      pollChannel(this.#http, policy, options.ticket),
    ];
    this.#deps = {
      http: this.#http,
      policy,
      channels: (choice = options.channel ?? "auto") =>
        choice === "auto" ? channels : channels.filter(({ name }) => name === choice),
    };
  }

  /** Submits a job. Resolves when the server has it for good; the work goes on without the caller. */
  async submit<W extends WorkflowShape = AnyWorkflow>(
    workflow: NameOf<W>,
    input: InputOf<W>,
    { idempotencyKey = randomKey(), deadlineMs, startAt, webhook, waitSeconds = 0, signal }: SubmitOptions = {},
  ): Promise<SubmittedJob<W>> {
    const options = { deadlineMs, startAt: startAt instanceof Date ? startAt.toISOString() : startAt, webhook };
    const { body } = await this.#http.json<TypedJobView<W>>({
      method: "POST",
      path: "v1/jobs",
      headers: {
        "idempotency-key": idempotencyKey,
        ...(waitSeconds > 0 && { prefer: `wait=${waitSeconds}` }),
      },
      body: { workflow, input, ...(Object.values(options).some((value) => value !== undefined) && { options }) },
      signal,
      repeatable: true,
      extraMs: waitSeconds * 1_000,
    });
    return new Job<W>(body.id, this.#deps, body) as SubmittedJob<W>;
  }

  /** A handle of a job that was submitted before, here or elsewhere. */
  job<W extends WorkflowShape = AnyWorkflow>(id: string): Job<W> {
    return new Job<W>(id, this.#deps);
  }

  get<W extends WorkflowShape = AnyWorkflow>(id: string, options: CallOptions = {}): Promise<TypedJobView<W>> {
    return this.job<W>(id).get(options);
  }

  /** The tenant's jobs, newest first. */
  list({ signal, ...query }: ListOptions = {}): Listing<JobSummary> {
    return new Listing(async (cursor) => {
      const request = { path: "v1/jobs", query: { ...query, cursor }, signal };
      const { body } = await this.#http.json<{ jobs: JobSummary[]; next?: string }>(request);
      return { items: body.jobs, next: body.next };
    });
  }

  /** What waits for a person, newest jobs first. */
  deadLetters({ signal, ...query }: DeadLetterFilter & { readonly limit?: number } & CallOptions = {}) {
    return new Listing<DeadLetterView>(async (cursor) => {
      const request = { path: "v1/dead-letters", query: { ...query, cursor }, signal };
      const { body } = await this.#http.json<{ deadLetters: DeadLetterView[]; next?: string }>(request);
      return { items: body.deadLetters, next: body.next };
    });
  }

  /** Tries the dead letters again that a filter names, at a rate: those of one page. `next` is the `cursor` of the next. */
  async redriveAll({ signal, ...body }: Partial<RedriveAllRequest> & CallOptions = {}): Promise<RedrivenList> {
    const request = { method: "POST" as const, path: "v1/dead-letters/redrive", body, signal };
    return (await this.#http.json<RedrivenList>(request)).body;
  }

  /** What the server can do: its workflows with their inputs, its capabilities and how busy they are. */
  async capabilities({ signal }: CallOptions = {}): Promise<CapabilityList> {
    return (await this.#http.json<CapabilityList>({ path: "v1/capabilities", signal })).body;
  }
}
