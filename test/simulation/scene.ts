import type { JobEvent } from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { Fleet } from "./fleet.ts";
import type { World } from "./world.ts";

/** One submission as its caller means it, however often it is sent. */
export interface Submission {
  readonly tenant: TenantId;
  readonly workflow: string;
  readonly n: number;
  readonly key: string | undefined;
  readonly options: { readonly deadlineMs?: number; readonly startAt?: string };
  /** What the caller was told. */
  readonly accepted: Set<JobId>;
  created: number;
}

/** Somebody who follows a job's log. */
export interface Reader {
  readonly tenant: TenantId;
  readonly jobId: JobId;
  readonly from: number;
  readonly seen: JobEvent[];
}

/** A dead letter that somebody has moved back to its queue: of which job, and the number of its event. */
export interface Move {
  readonly jobId: JobId;
  readonly seq: number;
}

/** Where a schedule takes place, and what people did in it and were told. */
export interface Scene {
  readonly world: World;
  readonly fleet: Fleet;
  readonly submissions: Submission[];
  readonly readers: Reader[];
  readonly moves: Move[];
}
