import type { JobEvent } from "../../src/contract/events.ts";
import { MAX_FRAME_BYTES } from "../../src/contract/socket.ts";

/** Of a member that stays in an event which does not fit whole, as JSON in bytes: an event has some twenty. */
const MAX_MEMBER_BYTES = 1_024;
/** What stands around the event in a frame, at most. */
const ENVELOPE_BYTES = 256;

/** An event made ready to be sent to many: as JSON, and, where it has lost its large members, the path to the whole of it. */
export interface FramedEvent {
  readonly seq: number;
  readonly json: string;
  readonly ref: string | undefined;
}

/** Fits an event into a frame. */
export function framed(event: JobEvent): FramedEvent {
  const { seq, jobId } = event;
  const json = JSON.stringify(event);
  if (Buffer.byteLength(json) <= MAX_FRAME_BYTES - ENVELOPE_BYTES) return { seq, json, ref: undefined };
  const small = Object.entries(event).filter(([, value]) => sizeOf(value) <= MAX_MEMBER_BYTES);
  const ref = `/v1/jobs/${jobId}/events?after=${seq - 1}&limit=1`;
  return { seq, json: JSON.stringify(Object.fromEntries(small)), ref };
}

/** The frame for one subscription. */
export const frameOf = (id: string, { json, ref }: FramedEvent): string =>
  `{"type":"event","id":${JSON.stringify(id)},"event":${json}${ref === undefined ? "" : `,"ref":${JSON.stringify(ref)}`}}`;

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? "");
