import { EventSource } from "eventsource";

/** What this reader needs of an event. */
interface Event {
  readonly text?: string;
  readonly output?: unknown;
}

const FAILURES = ["job.failed", "job.expired", "job.cancelled"];
const BACK_MS = 1_000;

/**
 * Follows an analysis to its end and resolves with its result; rejects where it has none. An `EventSource` comes back by itself
 * where its connection breaks, and its `Last-Event-ID` says after which event to go on. Where something in between answers
 * with an error in the meantime it gives up, and so a new one goes on after the last event.
 *
 * @param onText is given the model's words as they come
 */
export function follow(url: string, onText: (text: string) => void): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  let last = "0";
  const open = (): void => {
    const source = new EventSource(`${url}?after=${last}`);
    const on = (type: string, act: (event: Event) => void): void =>
      source.addEventListener(type, ({ lastEventId, data }) => {
        last = lastEventId;
        act(JSON.parse(data) as Event);
      });
    on("step.progress", ({ text }) => onText(text ?? ""));
    on("job.completed", ({ output }) => {
      source.close();
      resolve(output);
    });
    for (const failure of FAILURES) {
      on(failure, () => {
        source.close();
        reject(new Error(`the analysis has ended with ${failure}`));
      });
    }
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(open, BACK_MS);
    });
  };
  open();
  // In Node, an EventSource that waits to come back does not keep the process alive by itself.
  const alive = setInterval(() => {}, 60_000);
  return promise.finally(() => clearInterval(alive));
}
