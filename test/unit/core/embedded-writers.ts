import { afterEach, beforeEach } from "vitest";
import type { EventBody } from "../../../src/contract/events.ts";
import type { Message } from "../../../src/contract/messages.ts";
import type { App } from "../../../src/core/define-app.ts";
import { fold } from "../../../src/core/fold.ts";
import { JobWriter, type WriterDeps } from "../../../src/core/job-writer.ts";
import { readCommits } from "../../../src/core/read-job.ts";
import type { JobState } from "../../../src/core/state.ts";
import { type EmbeddedEngine, openEmbeddedEngine } from "../../../src/engines/embedded/embedded-engine.ts";
import { VirtualClock } from "../../../src/testing/virtual-clock.ts";
import { JOB, submitted, T0_MS, TENANT } from "./fixtures.ts";

/*
 * Writers of one job on the real embedded engine, in memory, each as if in a process of its own. Importing this gives each
 * test of the file a clock of its own; the engine is there once a test has opened it.
 */

export let clock: VirtualClock;
export let engine: EmbeddedEngine;
/** Appends that came too late, in the test so far. */
export let conflicts = 0;
const opened: EmbeddedEngine[] = [];

beforeEach(() => {
  clock = new VirtualClock(T0_MS);
  conflicts = 0;
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** An engine of this app's from here on. */
export function open(app: App): void {
  const onError = (error: unknown): never => {
    throw error;
  };
  engine = openEmbeddedEngine({ app, dataDir: undefined, clock, onReady: () => {}, onError });
  opened.push(engine);
}

/** A process of its own: nothing in memory. */
export function writer(app: App, deps: Partial<WriterDeps> = {}): JobWriter {
  const { log, index, blobs, topics: bus, ids, holder, deploySeq, atomicEffects } = engine;
  const onConflict = (): void => {
    conflicts += 1;
  };
  return new JobWriter({
    app,
    coalesce: (_, commit) => void setImmediate(commit),
    log,
    index,
    blobs,
    topics: bus,
    clock,
    ids,
    holder,
    deploySeq,
    atomicEffects,
    isGone: () => false,
    onConflict,
    ...deps,
  });
}

/** Lets the clock go on until the promise is settled: conflicts wait for a moment. */
export async function drive<T>(promise: Promise<T>): Promise<T> {
  let over = false;
  const watched = promise.finally(() => {
    over = true;
  });
  watched.catch(() => {});
  await clock.runUntil(() => over);
  return watched;
}

export const create = (jobs: JobWriter, fields: object = {}) =>
  drive(jobs.create(JOB, TENANT, submitted(fields), T0_MS + 60_000, (state) => ({ ...state })));
export const events = async (): Promise<EventBody[]> =>
  (await readCommits(engine, JOB)).commits.flatMap((commit) => commit.events);
export const types = async (): Promise<string[]> => (await events()).map(({ type }) => type);
export async function stored(): Promise<JobState> {
  const state = fold((await readCommits(engine, JOB)).commits);
  if (state === undefined) throw new Error("no log");
  return state;
}
/** Takes what is in a queue now. */
export const received = async (queue: string): Promise<Message[]> => {
  await clock.advance(0);
  return (await engine.queue.receive(queue, 100, 60_000)).map(({ message }) => message);
};
