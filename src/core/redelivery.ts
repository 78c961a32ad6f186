import type { Commit } from "../contract/events.ts";
import { type Message, topics } from "../contract/messages.ts";
import type { App } from "./define-app.ts";
import { fold } from "./fold.ts";
import { messagesFor } from "./publish.ts";
import type { JobState } from "./state.ts";

/**
 * What a job's log has announced so far, to be announced once more: each message as it was then, but marked. Messages that
 * ask for work are not among them, so that nothing runs again.
 */
export function announcementsOf(commits: readonly Commit[], app: App): Message[] {
  const work = new Set([
    ...[...app.capabilities.keys()].map(topics.requested),
    ...[...app.workflows.keys()].map(topics.advance),
  ]);
  const messages: Message[] = [];
  let state: JobState | undefined;
  for (const commit of commits) {
    state = fold([commit], state);
    if (state === undefined) break;
    messages.push(...messagesFor(state, commit.events, app).filter(({ topic }) => !work.has(topic)));
  }
  return messages.map(({ topic, detail }) => ({ topic, detail: { ...detail, redelivered: true } }));
}
