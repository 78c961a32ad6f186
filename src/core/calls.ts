/** The calls that this process is making now. Its own clock may jump past a lease; it still knows what it does. */
export class Calls {
  readonly #running = new Map<string, Set<string>>();

  begin(jobId: string, stepId: string, attempt: number): () => void {
    const key = keyOf(stepId, attempt);
    const ofJob = this.#running.get(jobId) ?? new Set();
    this.#running.set(jobId, ofJob.add(key));
    return () => {
      ofJob.delete(key);
      if (ofJob.size === 0 && this.#running.get(jobId) === ofJob) this.#running.delete(jobId);
    };
  }

  has(jobId: string, stepId: string, attempt: number): boolean {
    return this.#running.get(jobId)?.has(keyOf(stepId, attempt)) ?? false;
  }

  /** How many calls of a job are being made. */
  of(jobId: string): number {
    return this.#running.get(jobId)?.size ?? 0;
  }
}

const keyOf = (stepId: string, attempt: number): string => `${attempt}/${stepId}`;
