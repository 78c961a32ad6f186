import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from "@aws-sdk/client-eventbridge";
import { EVENT_SOURCE, type Message } from "../../contract/messages.ts";
import type { Clock, Topics } from "../../core/ports.ts";

export interface EventBridgeTopicsProps {
  readonly client: EventBridgeClient;
  readonly busName: string;
  readonly clock: Clock;
  /** From 0 (included) to 1 (not). */
  readonly random: () => number;
}

/** Some entries were refused again and again. The others are on the bus: a repeat of all is harmless. */
export class PublishError extends Error {
  override readonly name = "PublishError";
}

/** Of one call (docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html). */
const MAX_ENTRIES = 10;
/** Entries are references of a few hundred bytes; ten of them are far below the call's 1 MB. */
const MAX_TRIES = 5;
const FIRST_WAIT_MS = 50;

/** Messages as events of one bus. Of a call that took some entries and refused others, only the refused ones are sent again. */
export class EventBridgeTopics implements Topics {
  readonly #props: EventBridgeTopicsProps;

  constructor(props: EventBridgeTopicsProps) {
    this.#props = props;
  }

  async publish(messages: readonly Message[]): Promise<void> {
    const entries = messages.map(({ topic, detail }) => ({
      EventBusName: this.#props.busName,
      Source: EVENT_SOURCE,
      DetailType: topic,
      Detail: JSON.stringify(detail),
    }));
    const calls: Promise<void>[] = [];
    for (let at = 0; at < entries.length; at += MAX_ENTRIES) calls.push(this.#put(entries.slice(at, at + MAX_ENTRIES)));
    await Promise.all(calls);
  }

  async #put(entries: readonly PutEventsRequestEntry[]): Promise<void> {
    const { client, clock, random } = this.#props;
    let left = entries;
    for (let tries = 1; ; tries++) {
      const { FailedEntryCount = 0, Entries: results = [] } = await client.send(
        new PutEventsCommand({ Entries: [...left] }),
      );
      if (FailedEntryCount === 0) return;
      left = left.filter((_, n) => results[n]?.EventId === undefined);
      if (left.length === 0) return;
      if (tries === MAX_TRIES) throw new PublishError(`${left.length} messages were refused: ${codesOf(results)}`);
      const waitMs = FIRST_WAIT_MS * 2 ** (tries - 1) * (0.5 + random());
      await new Promise<void>((resolve) => clock.setTimer(waitMs, resolve));
    }
  }
}

const codesOf = (results: readonly PutEventsResultEntry[]): string =>
  [...new Set(results.map(({ ErrorCode }) => ErrorCode).filter((code) => code !== undefined))].join(", ");
