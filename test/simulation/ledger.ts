/** One call as the provider saw it. */
export interface ProviderCall {
  readonly jobId: string;
  readonly tenant: string;
  readonly stepId: string;
  readonly capability: string;
  readonly attempt: number;
  readonly process: string;
  readonly startedMs: number;
  /** The only answer that this call can give. */
  readonly text: string;
  /** Undefined while it is running. */
  endedMs: number | undefined;
  end: "running" | "returned" | "threw" | "aborted" | "crashed";
}

/** Every call that a world's provider has ever been asked for. */
export class Ledger {
  readonly calls: ProviderCall[] = [];
  readonly #byStep = new Map<string, ProviderCall[]>();
  readonly #poisonous = new Map<string, boolean>();

  add(call: ProviderCall): void {
    this.calls.push(call);
    const key = `${call.jobId}/${call.stepId}`;
    this.#byStep.set(key, [...(this.#byStep.get(key) ?? []), call]);
  }

  of(jobId: string, stepId: string): readonly ProviderCall[] {
    return this.#byStep.get(`${jobId}/${stepId}`) ?? [];
  }

  /** Whether the step kills whoever works on it. Drawn once. */
  isPoisonous(jobId: string, stepId: string, draw: () => boolean): boolean {
    const key = `${jobId}/${stepId}`;
    const poisonous = this.#poisonous.get(key) ?? draw();
    this.#poisonous.set(key, poisonous);
    return poisonous;
  }
}
