import { setTimeout as pause } from "node:timers/promises";
import { errorKeys } from "../../lambdas/error-keys.ts";
import type { QueueHandler } from "../../lambdas/queue-handler.ts";
import type { Delivery, LocalWorkers, Reservation } from "../core/ports.ts";
import type { Logger } from "../core/runtime.ts";
import type { SqliteWorkQueue } from "../engines/embedded/sqlite-work-queue.ts";
import { lambdaContext } from "./lambda-context.ts";
import { sqsEvent } from "./sqs-event.ts";

const STOP_POLL_MS = 10;

/** One queue's consumer. */
export interface Consumer {
  readonly queue: string;
  readonly handler: QueueHandler;
  /** Steps worked on at once. */
  readonly concurrency: number;
  /** Messages in one invocation. */
  readonly batchSize: number;
  readonly visibilityMs: number;
}

interface Lane extends Consumer {
  /** Steps that are worked on, or promised to a reservation. */
  busy: number;
  readonly handed: Delivery[];
  /** Taken, but its steps have no room yet: it is the next. */
  parked: Delivery | undefined;
  woken: boolean;
}

/**
 * Brings messages to handlers, as an event source mapping does, but is told of them instead of polling.
 *
 * 1. At most `concurrency` steps of a queue are worked on at once; a message of more steps than that runs alone.
 * 2. A reservation counts from when it is made, so what it promises can be kept.
 * 3. Reservations are made only while nothing waits in the queue: work that is handed over jumps no line.
 */
export class Dispatcher implements LocalWorkers {
  readonly #queue: SqliteWorkQueue;
  readonly #logger: Logger;
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Set<Promise<void>>();
  #open = false;
  #invocations = 0;

  constructor(queue: SqliteWorkQueue, logger: Logger) {
    this.#queue = queue;
    this.#logger = logger;
  }

  get isIdle(): boolean {
    return this.#running.size === 0 && ![...this.#lanes.values()].some((lane) => lane.woken || lane.busy > 0);
  }

  start(consumers: readonly Consumer[]): void {
    for (const consumer of consumers) {
      this.#lanes.set(consumer.queue, { ...consumer, busy: 0, handed: [], parked: undefined, woken: false });
    }
    this.#open = true;
    for (const queue of this.#queue.readyQueues()) this.wake(queue);
  }

  /** A queue has something to receive. Many calls of one turn make one round. */
  wake(queue: string): void {
    const lane = this.#lanes.get(queue);
    // What was handed over is claimed: it is worked on even when nothing more is taken from the queue.
    if (lane === undefined || lane.woken || (!this.#open && lane.handed.length === 0)) return;
    lane.woken = true;
    setImmediate(() => this.#round(lane));
  }

  reserve(capability: string, steps: number): Reservation | undefined {
    const lane = this.#lanes.get(capability);
    if (lane === undefined || !this.#open || lane.parked || this.#queue.ready(capability) > 0) return undefined;
    if (lane.busy > 0 && lane.busy + steps > lane.concurrency) return undefined;
    lane.busy += steps;
    return {
      deliver: (delivery) => {
        lane.handed.push(delivery);
        this.wake(capability);
      },
      release: () => this.#free(lane, steps),
    };
  }

  /**
   * Takes nothing more from the queues and waits for what runs and what was promised to run, at most `graceMs`.
   * Resolves with the number of batches left running.
   */
  async stop(graceMs: number): Promise<number> {
    this.#open = false;
    const untilMs = performance.now() + graceMs;
    while (!this.isIdle && performance.now() < untilMs) await pause(Math.min(STOP_POLL_MS, graceMs));
    return this.#running.size;
  }

  #round(lane: Lane): void {
    lane.woken = false;
    while (lane.handed.length > 0) this.#invoke(lane, lane.handed.splice(0, lane.batchSize));
    while (this.#open && lane.busy < lane.concurrency) {
      const batch = this.#take(lane);
      if (batch.length === 0) break;
      lane.busy += stepsOf(batch);
      this.#invoke(lane, batch);
    }
  }

  /** As many messages as have room. One that is larger than all the room there is runs when nothing else does. */
  #take(lane: Lane): Delivery[] {
    const batch: Delivery[] = [];
    while (batch.length < lane.batchSize) {
      const delivery = lane.parked ?? this.#queue.take(lane.queue, 1, lane.visibilityMs)[0];
      if (delivery === undefined) break;
      const busy = lane.busy + stepsOf(batch);
      const suspect = mayHaveKilled(delivery);
      if ((suspect && batch.length > 0) || (busy > 0 && busy + stepsOf([delivery]) > lane.concurrency)) {
        lane.parked = delivery;
        break;
      }
      lane.parked = undefined;
      batch.push(delivery);
      if (suspect) break;
    }
    return batch;
  }

  #invoke(lane: Lane, batch: readonly Delivery[]): void {
    const running = this.#work(lane, batch).finally(() => {
      this.#running.delete(running);
      this.#free(lane, stepsOf(batch));
    });
    this.#running.add(running);
  }

  async #work(lane: Lane, batch: readonly Delivery[]): Promise<void> {
    this.#invocations += 1;
    const context = lambdaContext(`worker-${lane.queue}`, `invocation-${this.#invocations}`, lane.visibilityMs);
    try {
      const { batchItemFailures } = await lane.handler(sqsEvent(batch), context);
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      await this.#queue.ack(batch.filter(({ messageId }) => !failed.has(messageId)));
    } catch (error) {
      // The whole batch becomes visible again when its timeout ends.
      this.#logger.error("batch failed", { queue: lane.queue, messages: batch.length, ...errorKeys(error) });
    }
  }

  #free(lane: Lane, steps: number): void {
    lane.busy -= steps;
    if (lane.parked || this.#queue.ready(lane.queue) > 0) this.wake(lane.queue);
  }
}

/** One that may have killed a worker before gets no company (rule 20). */
const mayHaveKilled = ({ receiveCount, message }: Delivery): boolean =>
  receiveCount > 1 || message.detail.alone === true;

const stepsOf = (batch: readonly Delivery[]): number =>
  batch.reduce((steps, { message }) => steps + (message.detail.stepIds?.length ?? 1), 0);
