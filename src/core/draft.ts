import type { Commit, EventBody } from "../contract/events.ts";
import type { Message } from "../contract/messages.ts";
import { topics } from "../contract/messages.ts";
import type { Told } from "../contract/webhooks.ts";
import type { App } from "./define-app.ts";
import type { AnyCapability } from "./define-capability.ts";
import { applyEvent, type CommitHeader } from "./fold.ts";
import { iso } from "./iso.ts";
import type { LocalWorkers, Outgoing } from "./ports.ts";
import { messagesFor } from "./publish.ts";
import type { JobState } from "./state.ts";

/** Whether a step may be claimed for workers of this process without asking at the gates. */
export type MayClaimAhead = (capability: AnyCapability, input: unknown) => boolean;

/** A commit in the making: every event added is folded at once, so that the next decision sees it. */
export class Draft {
  readonly events: EventBody[] = [];
  readonly messages: Message[] = [];
  readonly nowMs: number;
  mustAdvance = false;
  readonly #app: App;
  readonly #header: CommitHeader;
  readonly #holder: string;
  readonly #claimed: Outgoing[] = [];
  #state: JobState | undefined;
  #calls = false;

  constructor(app: App, header: CommitHeader, nowMs: number, holder: string, state?: JobState) {
    this.#app = app;
    this.#header = header;
    this.nowMs = nowMs;
    this.#holder = holder;
    this.#state = state;
  }

  get state(): JobState {
    if (this.#state === undefined) throw new Error("a draft has no state before its first event");
    return this.#state;
  }

  get wantsAdvance(): boolean {
    return this.mustAdvance || this.#calls;
  }

  add(event: EventBody): void {
    this.#state = applyEvent(this.#state, event, this.#header);
    this.events.push(event);
    if (isAnswer(event)) this.#calls = true;
  }

  /** Puts it into the submission with which this draft begins. */
  tell(webhooks: readonly Told[]): void {
    const [first] = this.events;
    if (first?.type !== "job.submitted") throw new Error("only a draft that begins a job can say whom it is told");
    this.events[0] = { ...first, webhooks: [...webhooks] };
    this.#state = { ...this.state, webhooks: [...webhooks] };
  }

  /** Claims requested steps for workers of this process that are free now: one commit instead of two, no wait. */
  claimWith(workers: LocalWorkers, may: MayClaimAhead): void {
    for (const message of messagesFor(this.state, this.events, this.#app)) {
      const { stepIds } = message.detail;
      const steps = stepIds?.flatMap((stepId) => this.state.steps.get(stepId) ?? []) ?? [];
      const [first] = steps;
      if (!stepIds || !first || message.topic !== topics.requested(first.capability)) continue;
      // One that is redriven for later has to wait.
      if (steps.some(({ status }) => status !== "requested")) continue;
      const capability = this.#app.capabilities.get(first.capability);
      if (!capability || !steps.every(({ input }) => may(capability, input))) continue;
      const reservation = workers.reserve(capability.name, stepIds.length);
      if (!reservation) continue;
      this.#claimed.push({ ...message, reservation });
      const lease = { holder: this.#holder, until: iso(this.nowMs + capability.leaseMs) };
      for (const { id, attempt } of steps) {
        this.add({ type: "step.started", stepId: id, capability: capability.name, attempt: attempt + 1, lease });
      }
    }
  }

  /** Gives back the places that were kept free: nothing of this is written. */
  release(): void {
    for (const { reservation } of this.#claimed) reservation?.release();
  }

  outgoing(): Outgoing[] {
    const claimed = new Map(this.#claimed.map((message) => [message.detail.stepIds?.[0], message]));
    const derived = messagesFor(this.state, this.events, this.#app);
    return [...derived.map((message) => claimed.get(message.detail.stepIds?.[0]) ?? message), ...this.messages];
  }

  commit(): Commit {
    return { ...this.#header, events: this.events };
  }
}

/** Whether the workflow hears of it: a step's result, that there will be none, or a signal. */
const isAnswer = (event: EventBody): boolean =>
  event.type === "step.completed" ||
  event.type === "signal.received" ||
  event.type === "step.discarded" ||
  (event.type === "step.failed" && event.final);
