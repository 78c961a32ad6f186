import type { Commit } from "../contract/events.ts";
import { type Message, topics, WEBHOOKS } from "../contract/messages.ts";
import type { App } from "./define-app.ts";
import { fold } from "./fold.ts";
import { messagesFor } from "./publish.ts";
import type { JobState } from "./state.ts";

/**
 * What a job's log has announced so far, to be announced once more: each message as it was then, but marked. Messages that
 * ask for work are not among them, so that nothing runs again.
 */
export function announcementsOf(commits: readonly Commit[], app: App): Message[] {
  const messages: Message[] = [];
  let state: JobState | undefined;
  for (const commit of commits) {
    state = fold([commit], state);
    if (state === undefined) break;
    for (const message of messagesFor(state, commit.events, app)) {
      if (!asksForWork(message, state)) messages.push(message);
    }
  }
  return messages.map(({ topic, detail }) => ({ topic, detail: { ...detail, redelivered: true } }));
}

/** By the job's own steps: those of an app change with its deployments. */
function asksForWork({ topic, detail }: Message, { workflow, steps }: JobState): boolean {
  if (topic === topics.advance(workflow) || topic === topics.requested(WEBHOOKS)) return true;
  const capability = steps.get(detail.stepIds?.[0] ?? "")?.capability;
  return capability !== undefined && topic === topics.requested(capability);
}
