import { EventSource } from "eventsource";

/** What this reader needs of an event. */
interface Event {
  readonly stepId?: string;
  /** Counts up each time that a step is tried anew. */
  readonly attempt?: number;
  readonly text?: string;
  readonly output?: unknown;
}

export interface Reader {
  /** Is given the model's words as they come, and of which step they are. */
  readonly onText?: (text: string, stepId: string) => void;
  /** What a step has said so far is void: it is tried again, and its words come from the start. */
  readonly onAnew?: (stepId: string) => void;
}

const FAILURES = ["job.failed", "job.expired", "job.cancelled"];
/** What may pass below 500. All else that is no stream of events stays so, however often it is asked for. */
const PASSING = [408, 425, 429];
const BACK_MS = 1_000;

/**
 * Follows an analysis to its end and resolves with its result; rejects where it has none, or is not there. An `EventSource` comes
 * back by itself where its connection breaks, and its `Last-Event-ID` says after which event to go on. Where something in between
 * answers with an error in the meantime it gives up, and so a new one goes on after the last event, when `Retry-After` says.
 */
export function follow(url: string, { onText, onAnew }: Reader = {}): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const attempts = new Map<string, number>();
  let last = "0";
  let backMs = BACK_MS;
  const open = (): void => {
    const source = new EventSource(`${url}?after=${last}`, {
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        backMs = Number(response.headers.get("retry-after")) * 1_000 || BACK_MS;
        return response;
      },
    });
    const on = (type: string, act: (event: Event) => void): void =>
      source.addEventListener(type, ({ lastEventId, data }) => {
        last = lastEventId;
        act(JSON.parse(data) as Event);
      });
    on("step.progress", ({ stepId = "", attempt = 1, text = "" }) => {
      if (attempt > (attempts.get(stepId) ?? attempt)) onAnew?.(stepId);
      attempts.set(stepId, attempt);
      onText?.(text, stepId);
    });
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
    source.addEventListener("error", ({ code = 500 }) => {
      if (source.readyState !== EventSource.CLOSED) return;
      if (code >= 500 || PASSING.includes(code)) setTimeout(open, backMs);
      else reject(new Error(`the service answered ${code}`));
    });
  };
  open();
  // In Node, an EventSource that waits to come back does not keep the process alive by itself.
  const alive = setInterval(() => {}, 60_000);
  return promise.finally(() => clearInterval(alive));
}
