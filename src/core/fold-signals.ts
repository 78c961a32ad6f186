import type { EventOf } from "../contract/events.ts";
import { CorruptLogError } from "./errors.ts";
import { advanceRecovered } from "./fold-advance.ts";
import { freeze } from "./freeze.ts";
import type { JobState, SignalState } from "./state.ts";

/*
 * Signals: a workflow waits for one by its name, and somebody outside sends it, in either order.
 */

export function signalRequested(state: JobState, { signal: name }: EventOf<"signal.requested">): void {
  const signal = signalOf(state, name);
  if (signal.requestedSeq > 0) throw new CorruptLogError(`log of ${state.jobId}: signal ${name} requested twice`);
  signal.requestedSeq = state.seq;
  // It may come before or after an answer that the workflow waits for as well.
  state.parallel = true;
  advanceRecovered(state);
}

export function signalReceived(state: JobState, event: EventOf<"signal.received">, time: string): void {
  const signal = signalOf(state, event.signal);
  if (signal.receivedSeq > 0) throw new CorruptLogError(`log of ${state.jobId}: signal ${event.signal} received twice`);
  Object.assign(signal, { receivedSeq: state.seq, receivedAt: time, payload: freeze(event.payload) });
  state.parallel = true;
}

function signalOf({ signals }: JobState, name: string): SignalState {
  const known = signals.get(name);
  if (known) return known;
  const signal = { requestedSeq: 0, receivedSeq: 0, receivedAt: undefined, payload: undefined };
  signals.set(name, signal);
  return signal;
}
