/** The calls that this process is making now. Its own clock may jump past a lease; it still knows what it does. */
export class Calls {
  readonly #running = new Map<string, Map<string, AbortController>>();
  readonly #expected = new Map<string, Set<AbortController>>();

  /**
   * Steps of the job are about to be claimed for calls. `signal` aborts when the job is stopped, be it in the very commit
   * that claims them: it is for `begin`. `end` must follow the last of those.
   */
  expect(jobId: string): Stoppable {
    const ofJob = this.#expected.get(jobId) ?? new Set<AbortController>();
    const controller = new AbortController();
    this.#expected.set(jobId, ofJob.add(controller));
    return {
      signal: controller.signal,
      end: () => {
        ofJob.delete(controller);
        if (ofJob.size === 0 && this.#expected.get(jobId) === ofJob) this.#expected.delete(jobId);
      },
    };
  }

  /**
   * `signal` aborts when the call is to be stopped for a reason of the job's, at once where `expected` has; `end` must
   * follow the call's end.
   */
  begin(jobId: string, stepId: string, attempt: number, expected?: AbortSignal): Stoppable {
    const key = keyOf(stepId, attempt);
    const ofJob = this.#running.get(jobId) ?? new Map<string, AbortController>();
    const controller = new AbortController();
    if (expected?.aborted) controller.abort(expected.reason);
    this.#running.set(jobId, ofJob.set(key, controller));
    return {
      signal: controller.signal,
      end: () => {
        ofJob.delete(key);
        if (ofJob.size === 0 && this.#running.get(jobId) === ofJob) this.#running.delete(jobId);
      },
    };
  }

  has(jobId: string, stepId: string, attempt: number): boolean {
    return this.#running.get(jobId)?.has(keyOf(stepId, attempt)) ?? false;
  }

  /** How many calls of a job are being made. */
  of(jobId: string): number {
    return this.#running.get(jobId)?.size ?? 0;
  }

  /** Stops one call, or all of a job's: what they would come to can be recorded no more. */
  stop(jobId: string, reason: Error, call?: { readonly stepId: string; readonly attempt: number }): void {
    const only = call && keyOf(call.stepId, call.attempt);
    for (const [key, controller] of this.#running.get(jobId) ?? []) {
      if (only === undefined || only === key) controller.abort(reason);
    }
    if (call) return;
    for (const controller of this.#expected.get(jobId) ?? []) controller.abort(reason);
  }
}

export interface Stoppable {
  readonly signal: AbortSignal;
  readonly end: () => void;
}

/** Nobody waits for the call any more: its job has ended, or another attempt has taken its place. */
export class CallStoppedError extends Error {
  override readonly name = "CallStoppedError";
}

const keyOf = (stepId: string, attempt: number): string => `${attempt}/${stepId}`;
