import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobView } from "../../src/contract/api.ts";
import type { JobEvent } from "../../src/contract/events.ts";
import { Api } from "./api.ts";
import { eventLine } from "./event-line.ts";
import { followJob } from "./follow-job.ts";
import { SmokeError } from "./smoke-error.ts";

export interface SmokeProps {
  readonly url: string;
  readonly workflow: string;
  readonly input: unknown;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Runs with a key that the API lets in. `isNew`: one made just now, which an authorizer may not know yet. */
  readonly withKey: (use: (key: string, isNew: boolean) => Promise<void>) => Promise<void>;
  readonly say: (line: string) => void;
}

/** What was found; complete as far as it went, also after a failure. */
export interface SmokeReport {
  readonly url: string;
  readonly workflow: string;
  jobId?: string;
  /** From the call to its 202. */
  acceptedMs?: number;
  /** From the call to the reading of the last event. */
  answeredMs?: number;
  readonly events: { readonly seq: number; readonly type: string; readonly time: string; readonly stepId?: string }[];
  job?: JobView;
}

/** A new key counts 10 s after the last look at the secret; a few more for what else may be slow. */
const NEW_KEY_MS = 30_000;
const ASK_AGAIN_MS = 1_000;

/** Calls an instance as its users do, up to one job's answer. Throws {@link SmokeError}. */
export async function smoke(props: SmokeProps, report: SmokeReport): Promise<JobView> {
  const { url, workflow, signal, timeoutMs, withKey, say } = props;
  const api = new Api({ url, signal });
  await api.checkHealth();
  say(`${url}healthz answers`);
  await api.checkDoor();
  say("without a key: 401");
  await withKey(async (key, isNew) => {
    const startMs = performance.now();
    const { id } = await submit(api, key, isNew, props);
    report.jobId = id;
    report.acceptedMs = Math.round(performance.now() - startMs);
    say(`job ${id} of ${workflow}: accepted after ${report.acceptedMs} ms`);
    report.job = await followJob({ api, key, jobId: id, timeoutMs, signal, onEvent: tell(report, say) });
    report.answeredMs = Math.round(performance.now() - startMs);
  });
  if (report.job === undefined) throw new SmokeError("no job was submitted");
  return report.job;
}

function tell({ events }: SmokeReport, say: (line: string) => void): (event: JobEvent) => void {
  let sinceMs: number | undefined;
  return (event) => {
    sinceMs ??= Date.parse(event.time);
    const { seq, type, time } = event;
    events.push({ seq, type, time, ...("stepId" in event ? { stepId: event.stepId } : {}) });
    say(eventLine(event, sinceMs));
  };
}

async function submit(
  api: Api,
  key: string,
  isNew: boolean,
  { workflow, input, signal }: SmokeProps,
): Promise<JobView> {
  const untilMs = performance.now() + (isNew ? NEW_KEY_MS : 0);
  const idempotencyKey = randomUUID();
  for (;;) {
    const job = await api.submit(key, { workflow, input }, idempotencyKey);
    if (job !== undefined) return job;
    if (performance.now() >= untilMs) {
      throw new SmokeError(
        isNew
          ? `the key that was made for this is refused after ${NEW_KEY_MS / 1_000} s: the outputs and the URL may be of two instances, or the authorizer cannot read the secret (docs/runbook.md#keys)`
          : "the key is refused: it is revoked, or of another instance (docs/runbook.md#keys)",
      );
    }
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  }
}
