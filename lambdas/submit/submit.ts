import { createHash, randomBytes } from "node:crypto";
import { type JobView, MAX_DEADLINE_MS, type SubmitRequest } from "../../src/contract/api.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import type { Json } from "../../src/contract/json.ts";
import { ProblemError, violations } from "../../src/contract/problem.ts";
import type { Told, WebhookRequest } from "../../src/contract/webhooks.ts";
import { type RateLeft, RefusedJobError } from "../../src/core/admission.ts";
import type { Kept } from "../../src/core/fork.ts";
import { iso } from "../../src/core/iso.ts";
import { asJson } from "../../src/core/pass.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { toldOf, WebhookEndpoints } from "../../src/core/webhook-endpoints.ts";
import { inSpan, traceparentOf } from "../../src/telemetry/trace.ts";
import { viewOf } from "../jobs/jobs.ts";
import { checkReceiver } from "../webhooks/check-receiver.ts";
import { refusal } from "./rate-limit-headers.ts";

export interface SubmitCommand {
  readonly tenant: TenantId;
  readonly request: SubmitRequest;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
  /** The new job begins with what an old one's log knows. */
  readonly fork?: { readonly jobId: JobId; readonly kept: Kept };
}

export interface Submitted {
  readonly job: JobView;
  readonly created: boolean;
  /** What is left of the tenant's rate, if it is limited and this has taken from it. */
  readonly left: RateLeft | undefined;
}

/** When the reconciler first looks at a job that nothing else has brought to its end, in ms. */
const FIRST_WAKE_MS = 60_000;

/**
 * Accepts a job: when this resolves, the job is durable, and on its way or to be found by the reconciler. With an
 * idempotency key that was used for the same payload, the job of then; for another payload a 422. Beyond a limit a 429 or
 * a 503, which wrote nothing.
 */
export function submit(command: SubmitCommand, runtime: Runtime): Promise<Submitted> {
  const { request, traceparent } = command;
  const attributes = { "sluice.workflow": request.workflow.slice(0, 100) };
  return inSpan("submit", { kind: "server", traceparent, attributes }, (span) =>
    accept({ ...command, traceparent: traceparentOf(span) ?? traceparent ?? newTraceparent() }, runtime),
  );
}

async function accept(command: SubmitCommand, runtime: Runtime): Promise<Submitted> {
  const { tenant, request, idempotencyKey, traceparent, fork } = command;
  const { app, clock, ids, writer, metrics, admission } = runtime;
  const workflow = app.workflows.get(request.workflow);
  if (workflow === undefined) {
    throw new ProblemError({
      title: "Unknown workflow",
      status: 400,
      detail: `there is no workflow ${JSON.stringify(request.workflow)}; known: ${[...app.workflows.keys()].join(", ")}`,
      errors: [{ path: "/workflow", message: "must name a workflow of this deployment" }],
    });
  }
  const input = workflow.input.safeParse(request.input);
  if (!input.success) {
    throw new ProblemError({
      title: "Invalid input",
      status: 400,
      detail: `the input is not what workflow ${workflow.name} takes`,
      errors: violations(input.error, "/input"),
    });
  }
  const nowMs = clock.now();
  const startMs = startOf(request, nowMs);
  const deadlineMs = (startMs ?? nowMs) + (request.options?.deadlineMs ?? app.deadlineMs);
  if (startMs !== undefined && deadlineMs > nowMs + MAX_DEADLINE_MS) {
    throw new ProblemError({
      title: "Invalid request",
      status: 400,
      detail: `the job would expire at ${iso(deadlineMs)}, more than ${MAX_DEADLINE_MS / 86_400_000} days from now; give an earlier startAt or a shorter deadlineMs`,
      errors: [{ path: "/options/startAt", message: `got ${iso(startMs)}` }],
    });
  }
  const own = request.options?.webhook;
  if (own) checkReceiver(own.url, "/options/webhook/url", runtime);
  // Asked for at once: it is there when the workflow's first pass is made.
  const told = toldOfTenant(tenant, own, runtime);
  const forkedFrom = fork && { jobId: fork.jobId, seq: fork.kept.seq };
  const digest = digestOf({ ...request, ...(forkedFrom ? { forkedFrom } : {}) });
  const jobId = ids.jobId(tenant, idempotencyKey);
  const entrance = admission.begin(tenant, jobId, idempotencyKey !== undefined);
  const beginning = writer.create(
    jobId,
    tenant,
    {
      type: "job.submitted",
      workflow: workflow.name,
      input: asJson(request.input),
      digest,
      deadline: iso(deadlineMs),
      expires: iso(deadlineMs + app.retentionMs),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(startMs === undefined ? {} : { startAt: iso(startMs) }),
      ...(forkedFrom ? { forkedFrom } : {}),
    },
    Math.min(nowMs + FIRST_WAKE_MS, deadlineMs),
    (state) => ({ job: viewOf(state), digest: state.digest }),
    { ...(fork ? { kept: fork.kept.events } : {}), admit: entrance.admit, told },
  );
  const { view, created } = await beginning.catch((error: unknown) => {
    entrance.end(false);
    if (!(error instanceof RefusedJobError)) throw error;
    metrics.record("JobsRefused", 1, "Count", { reason: error.reason });
    throw refusal(error);
  });
  entrance.end(created);
  if (created) metrics.record("JobsSubmitted", 1, "Count", { workflow: workflow.name });
  if (!created && view.digest !== digest) {
    throw new ProblemError({
      title: "Idempotency key reused",
      status: 422,
      detail: `this Idempotency-Key already stands for job ${view.job.id} with another payload; use a new key for a new job`,
    });
  }
  return { job: view.job, created, left: entrance.left() };
}

/** One read of what stands for the tenant's jobs to come. */
function toldOfTenant(
  tenant: TenantId,
  own: WebhookRequest | undefined,
  { records }: Runtime,
): Promise<readonly Told[]> {
  const told = new WebhookEndpoints(records).of(tenant).then((endpoints) => toldOf(own, endpoints));
  // Whoever waits for it hears of it; where something else fails first, nobody does.
  told.catch(() => undefined);
  return told;
}

/** When the job is to start, in epoch ms; undefined: at once. */
function startOf({ options }: SubmitRequest, nowMs: number): number | undefined {
  const startMs = options?.startAt === undefined ? undefined : Date.parse(options.startAt);
  return startMs !== undefined && startMs > nowMs ? startMs : undefined;
}

/** A job has a trace id of its own even where nothing is traced: it is on every line of its log. Not sampled. */
const newTraceparent = (): string => `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`;

function digestOf(request: SubmitRequest & { readonly forkedFrom?: object }): string {
  return createHash("sha256")
    .update(canonical(request as Json))
    .digest("base64url");
}

/** The same text for the same JSON value, whatever the order of its members. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key] as Json)}`);
  return `{${members.join(",")}}`;
}
