import { setTimeout as pause } from "node:timers/promises";
import { ApiClient, ApiError, type Submission } from "./api-client.ts";
import { shapeOf, tenantOf } from "./shapes.ts";

/** Submissions under way at once. */
const AT_ONCE = 4;
const RETRY_MS = 20;
/** So many of a hundred first tries are given up after a few ms, at most so many: their answers are lost on the way. */
const IMPATIENT = 10;
const IMPATIENCE_MS = 12;
/** A submission waits up to this long, in ms: they come at any time of an engine's life. */
const SPREAD_MS = 1_500;

export interface SubmitterOptions {
  readonly jobs: number;
  /** Where the engine listens; undefined while it is not up. */
  readonly engineUrl: () => string | undefined;
  readonly onSent: () => void;
  readonly random: () => number;
}

/**
 * Submits jobs as a careful caller does: each under a key of its own, and again under the same key until it has been
 * answered. Whatever was answered 202 must be there, once.
 */
export class Submitter {
  /** By the job's ordinal: the id of its first 202. */
  readonly accepted = new Map<number, string>();
  readonly violations: string[] = [];
  /** Sent again because no answer came. */
  repeats = 0;
  /** Of these, how many had been accepted with the answer lost. */
  answersLost = 0;
  readonly #options: SubmitterOptions;
  #released = 0;
  #next = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** Lets it go on up to so many jobs. */
  release(jobs: number): void {
    this.#released = Math.min(Math.max(this.#released, jobs), this.#options.jobs);
  }

  /** Resolves when all jobs are accepted. Rejects when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#lane(signal)));
  }

  /** Sends everything once more. What it is answered must be the job of the first time. */
  async again(api: ApiClient): Promise<void> {
    for (const [n, id] of this.accepted) {
      const second = await api.submit(submissionOf(n));
      if (second.id !== id) this.violations.push(`doubled: submission ${n} is job ${id}, and ${second.id} sent again`);
      else if (!second.replayed)
        this.violations.push(`lost: job ${id} was accepted, and accepted anew when sent again`);
    }
  }

  async #lane(signal: AbortSignal): Promise<void> {
    const { jobs, random } = this.#options;
    while (this.#next < jobs) {
      signal.throwIfAborted();
      if (this.#next >= this.#released) {
        await pause(RETRY_MS, undefined, { signal });
        continue;
      }
      const n = this.#next;
      this.#next += 1;
      await pause(random() * SPREAD_MS, undefined, { signal });
      await this.#untilAccepted(n, signal);
    }
  }

  async #untilAccepted(n: number, signal: AbortSignal): Promise<void> {
    const { engineUrl, onSent, random } = this.#options;
    for (let sent = 0; ; ) {
      signal.throwIfAborted();
      const url = engineUrl();
      if (url === undefined) {
        await pause(RETRY_MS, undefined, { signal });
        continue;
      }
      sent += 1;
      if (sent > 1) this.repeats += 1;
      try {
        const hurry = sent === 1 && random() * 100 < IMPATIENT ? random() * IMPATIENCE_MS : undefined;
        const answer = new ApiClient(url).submit(submissionOf(n), hurry);
        onSent();
        const { id, replayed } = await answer;
        if (replayed && sent === 1)
          this.violations.push(`doubled: submission ${n} was replayed though never sent before`);
        if (replayed) this.answersLost += 1;
        this.accepted.set(n, id);
        return;
      } catch (error) {
        // An engine that answers must accept: the soak asks for nothing that it may refuse.
        if (error instanceof ApiError) this.violations.push(`submission ${n}: ${error.message}`);
        await pause(RETRY_MS, undefined, { signal });
      }
    }
  }
}

const submissionOf = (n: number): Submission => ({
  tenant: tenantOf(n),
  workflow: shapeOf(n),
  input: { n },
  idempotencyKey: `soak-${n}`,
});
