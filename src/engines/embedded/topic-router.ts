import type { CommitId } from "../../contract/ids.ts";
import { advanceQueue, type Message, topics, WEBHOOKS } from "../../contract/messages.ts";
import type { App } from "../../core/define-app.ts";
import type { Clock, Outgoing, Topics } from "../../core/ports.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { Entry, SqliteWorkQueue } from "./sqlite-work-queue.ts";

/** A message that has just become durable, and the worker that waits for it, if one does. */
export interface Enqueued {
  readonly entry: Entry;
  readonly outgoing: Outgoing;
  readonly claimedBy: CommitId | undefined;
}

/** Which queue listens to which topic: one a capability, one a workflow, one for webhooks. */
export function routes(app: App): ReadonlyMap<string, string> {
  return new Map([
    ...[...app.capabilities.keys()].map((name) => [topics.requested(name), name] as const),
    ...[...app.workflows.keys()].map((name) => [topics.advance(name), advanceQueue(name)] as const),
    [topics.requested(WEBHOOKS), WEBHOOKS],
  ]);
}

/** Topics on the queues of the same file. What nobody listens to ends here: the log has it all. */
export class TopicRouter implements Topics {
  readonly #group: GroupCommit;
  readonly #queue: SqliteWorkQueue;
  readonly #clock: Clock;
  readonly #routes: ReadonlyMap<string, string>;

  constructor(group: GroupCommit, queue: SqliteWorkQueue, app: App, clock: Clock) {
    this.#group = group;
    this.#queue = queue;
    this.#clock = clock;
    this.#routes = routes(app);
  }

  async publish(messages: readonly Message[]): Promise<void> {
    this.enqueued(await this.#group.run(() => this.write(messages)));
  }

  /** Inside a transaction of the group's. `claimedBy` is the commit that made the reservations' claims. */
  write(messages: readonly Outgoing[], claimedBy?: CommitId): Enqueued[] {
    const enqueued: Enqueued[] = [];
    for (const outgoing of messages) {
      const queue = this.#routes.get(outgoing.topic);
      if (queue === undefined) continue;
      const { reservation, topic, detail } = outgoing;
      const delayMs = detail.at === undefined ? 0 : Math.max(0, detail.at - this.#clock.now());
      const entry = this.#queue.insert(queue, { topic, detail }, delayMs, reservation ? 1 : 0);
      enqueued.push({ entry, outgoing, claimedBy: reservation ? claimedBy : undefined });
    }
    return enqueued;
  }

  /** After the commit: hands messages over to waiting workers, or makes them ready. */
  enqueued(written: readonly Enqueued[]): void {
    for (const { entry, outgoing, claimedBy } of written) {
      if (outgoing.reservation) outgoing.reservation.deliver(this.#queue.takeClaimed(entry, claimedBy));
      else this.#queue.add(entry);
    }
  }
}
