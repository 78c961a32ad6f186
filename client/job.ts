import type { Channel } from "./channels/channel.ts";
import { JobEndedError, UnavailableError } from "./errors.ts";
import { type FollowOptions, follow, type Update } from "./follow.ts";
import type { Http } from "./http.ts";
import { randomKey } from "./random-key.ts";
import type { ChannelName, RetryPolicy } from "./retry.ts";
import { pause } from "./scope.ts";
import { TextAssembler, type TextChunk } from "./text.ts";
import { type Ticket, type TicketOptions, ticketRequest } from "./tickets.ts";
import type { AnyWorkflow, OutputOf, WorkflowShape } from "./typed.ts";
import {
  type DiscardRequest,
  type ForkRequest,
  hasEnded,
  type JobEvent,
  type JobView,
  type Json,
  type RedriveRequest,
} from "./wire.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface EventsOptions extends FollowOptions {
  /** @default the client's */
  readonly channel?: ChannelName | "auto" | undefined;
}

export interface TextOptions extends EventsOptions {
  /** Only this step's. */
  readonly stepId?: string;
}

/** A job's view, its result of the workflow's type. */
export type TypedJobView<W extends WorkflowShape> = Omit<JobView, "result"> & { readonly result?: OutputOf<W> };

/** What a job's handle shares with its client. */
export interface JobDeps {
  readonly http: Http;
  readonly policy: RetryPolicy;
  /** Best first. Empty where the one that is asked for does not exist. */
  channels(choice: ChannelName | "auto" | undefined): readonly Channel[];
}

/** A job on the server, by its id. Making one asks the server nothing. */
export class Job<W extends WorkflowShape = AnyWorkflow> {
  readonly id: string;
  /** What the server answered to the submission, where this handle is from one. */
  readonly accepted: TypedJobView<W> | undefined;
  readonly #deps: JobDeps;

  constructor(id: string, deps: JobDeps, accepted?: TypedJobView<W>) {
    this.id = id;
    this.accepted = accepted;
    this.#deps = deps;
  }

  async get({ signal }: CallOptions = {}): Promise<TypedJobView<W>> {
    return (await this.#deps.http.json<TypedJobView<W>>({ path: this.#path(), signal })).body;
  }

  /**
   * Waits for the job's end and resolves with the workflow's output. Throws {@link JobEndedError} for any other end. A job
   * with dead letters has not ended: a person decides, or its deadline passes.
   */
  async result(options: Omit<EventsOptions, "after"> = {}): Promise<OutputOf<W>> {
    for (let view = this.accepted ?? (await this.get(options)); ; view = await this.get(options)) {
      if (view.status === "completed") return view.result as OutputOf<W>;
      if (hasEnded(view.status)) throw new JobEndedError(view as JobView);
      for await (const _ of this.follow({ ...options, after: view.seq })) {
        // The end of the log is all that is waited for.
      }
      await pause(0, options.signal);
    }
  }

  /** The job's events after a cursor, those to come included, until it has ended. Each comes once, whatever breaks on the way. */
  async *events(options: EventsOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    for await (const update of this.follow(options)) if (update.type === "event") yield update.event;
  }

  /** The text that steps stream, as it comes: {@link TextChunk.anew} says where an attempt begins. */
  async *text({ stepId, ...options }: TextOptions = {}): AsyncGenerator<TextChunk, void, undefined> {
    const assembler = new TextAssembler();
    for await (const update of this.follow(options)) {
      const chunk = assembler.add(update);
      if (chunk !== undefined && (stepId === undefined || chunk.stepId === stepId)) yield chunk;
    }
  }

  /** Events, and deltas of text that run ahead of them where the channel has them. */
  follow({ channel, ...options }: EventsOptions = {}): AsyncGenerator<Update, void, undefined> {
    const { channels, policy } = this.#deps;
    const usable = channels(channel);
    if (usable.length === 0) throw new UnavailableError(`this runtime has no channel ${channel}`);
    return follow(this.id, usable, policy, options);
  }

  /** Ends the job. One that has ended stays as it is. */
  cancel({ reason, signal }: { readonly reason?: string | undefined } & CallOptions = {}): Promise<TypedJobView<W>> {
    return this.#post("cancel", { reason }, true, signal);
  }

  /** Tells the job what its workflow waits for, or will. The first of a name counts. */
  signal(
    name: string,
    { payload, reason, signal }: { readonly payload?: Json; readonly reason?: string } & CallOptions = {},
  ): Promise<TypedJobView<W>> {
    return this.#post(`signals/${encodeURIComponent(name)}`, { payload, reason }, true, signal);
  }

  /**
   * Tries dead letters again. With `seq` or `asOf` it may be done twice, and is sent again after a lost answer; without, each
   * is a decision of its own.
   */
  redrive({ signal, ...body }: RedriveRequest & CallOptions = {}): Promise<TypedJobView<W>> {
    return this.#post("redrive", body, body.seq !== undefined || body.asOf !== undefined, signal);
  }

  /** Gives dead letters up: to the workflow the steps have failed. Sent again as `redrive` is. */
  discard({ signal, ...body }: DiscardRequest & CallOptions): Promise<TypedJobView<W>> {
    return this.#post("discard", body, body.seq !== undefined || body.asOf !== undefined, signal);
  }

  /** Begins a new job with what answered steps up to a completed one. */
  async fork({ signal, idempotencyKey = randomKey(), ...body }: ForkOptions = {}): Promise<SubmittedJob<W>> {
    const { body: view } = await this.#deps.http.json<TypedJobView<W>>({
      method: "POST",
      path: this.#path("fork"),
      headers: { "idempotency-key": idempotencyKey },
      body,
      signal,
      repeatable: true,
    });
    return new Job<W>(view.id, this.#deps, view) as SubmittedJob<W>;
  }

  /** For a reader that has no key, such as a page in a browser: lets it read this job's events. */
  async ticket(options: TicketOptions = {}): Promise<Ticket> {
    return (await this.#deps.http.json<Ticket>(ticketRequest(this.id, options))).body;
  }

  async #post(path: string, body: object, repeatable: boolean, signal: AbortSignal | undefined) {
    const request = { method: "POST" as const, path: this.#path(path), body, repeatable, signal };
    return (await this.#deps.http.json<TypedJobView<W>>(request)).body;
  }

  #path(command?: string): string {
    const path = `v1/jobs/${encodeURIComponent(this.id)}`;
    return command === undefined ? path : `${path}/${command}`;
  }
}

/** The handle that a submission or a fork gives. */
export type SubmittedJob<W extends WorkflowShape = AnyWorkflow> = Job<W> & { readonly accepted: TypedJobView<W> };

export interface ForkOptions extends ForkRequest, CallOptions {
  /** @default a random one */
  readonly idempotencyKey?: string;
}
