import type { MessageDetail } from "../contract/messages.ts";
import type { JobState } from "./state.ts";

/** What every message about a job says. */
export const detailOf = (state: JobState): MessageDetail => ({
  tenant: state.tenant,
  jobId: state.jobId,
  seq: state.seq,
  ...(state.traceparent === undefined ? {} : { traceparent: state.traceparent }),
});
