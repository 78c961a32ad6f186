import { freeze } from "./freeze.ts";
import type { JobState, SignalState, StepState, TimerState } from "./state.ts";

/** A job is snapshotted when it has grown by this many commits, so that reading it costs the same however long it is. */
export const COMMITS_PER_SNAPSHOT = 16;
/** Changes with the shape of {@link JobState}: a snapshot of another version is none. */
const SNAPSHOT_VERSION = 5;

interface Snapshot {
  readonly version: number;
  readonly state: Omit<JobState, "steps" | "values" | "timers" | "signals"> & {
    readonly steps: StepState[];
    readonly values: [string, never][];
    readonly timers: [string, TimerState][];
    readonly signals: [string, SignalState][];
  };
}

export const isSnapshotDue = (state: JobState): boolean =>
  state.commits - state.snapshotCommits >= COMMITS_PER_SNAPSHOT;

/** A folded job as JSON text. */
export function encodeSnapshot(state: JobState): string {
  const steps = [...state.steps.values()];
  const maps = { steps, values: [...state.values], timers: [...state.timers], signals: [...state.signals] };
  return JSON.stringify({ version: SNAPSHOT_VERSION, state: { ...state, ...maps } });
}

/** The folded job, or undefined for a text of another version: the log has it all. Throws where it is no JSON. */
export function decodeSnapshot(text: string): JobState | undefined {
  const { version, state } = JSON.parse(text) as Snapshot;
  if (version !== SNAPSHOT_VERSION) return undefined;
  for (const step of state.steps) {
    freeze(step.input);
    freeze(step.result);
  }
  for (const [, value] of state.values) freeze(value);
  for (const [, { payload }] of state.signals) freeze(payload);
  freeze(state.input);
  freeze(state.output);
  return {
    ...state,
    steps: new Map(state.steps.map((step) => [step.id, step])),
    values: new Map(state.values),
    timers: new Map(state.timers),
    signals: new Map(state.signals),
  };
}
