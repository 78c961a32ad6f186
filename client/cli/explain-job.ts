import type { JobEvent, JobView, Usage } from "../wire.ts";
import { type Remedy, remediesFor } from "./mend.ts";
import { between, chainOf, costText, seconds, usageText } from "./phrases.ts";
import { columns } from "./terminal.ts";
import { LEGEND, waterfall } from "./waterfall.ts";

/** What there is to say of a job, for people and, with `--json`, for programs. */
export interface Explanation {
  readonly job: JobView;
  /** What each step used, of all its attempts. */
  readonly usage: Readonly<Record<string, Usage>>;
  readonly ids: {
    readonly jobId: string;
    /** Of W3C Trace Context: of the submission, and of all that came of it. */
    readonly traceId?: string;
    /** Under which the model's provider keeps an attempt's answer, by step and attempt. */
    readonly providerIds: Readonly<Record<string, string>>;
    /** Who worked on it, each with its steps and attempts: processes, or instances of a function. */
    readonly workers: Readonly<Record<string, readonly string[]>>;
  };
  readonly logQueries: { readonly cloudWatch: string; readonly embedded: string };
  readonly remedies: readonly Remedy[];
}

export function explain(job: JobView, events: readonly JobEvent[], connection: string): Explanation {
  const usage: Record<string, Usage> = {};
  const providerIds: Record<string, string> = {};
  const workers: Record<string, string[]> = {};
  let traceId: string | undefined;
  for (const event of events) {
    if (event.type === "job.submitted") traceId = event.traceparent?.split("-")[1];
    else if (event.type === "step.started") {
      const { holder } = event.lease;
      workers[holder] = [...(workers[holder] ?? []), `${event.stepId}/${event.attempt}`];
    } else if (event.type === "step.progress" && event.keptAs !== undefined) {
      providerIds[`${event.stepId}/${event.attempt}`] = event.keptAs;
    } else if ((event.type === "step.completed" || event.type === "step.failed") && event.usage !== undefined) {
      usage[event.stepId] = sum(usage[event.stepId], event.usage);
    }
  }
  return {
    job,
    usage,
    ids: { jobId: job.id, ...(traceId !== undefined && { traceId }), providerIds, workers },
    logQueries: {
      cloudWatch: `fields @timestamp, message, capability, stepId, attempt, error | filter jobId = '${job.id}' | sort @timestamp`,
      embedded: `grep ${job.id} FILE   # of what the server printed; it says more with --log-level DEBUG`,
    },
    remedies: remediesFor(job, connection),
  };
}

function sum(left: Usage | undefined, right: Usage): Usage {
  const add = (name: "inputTokens" | "outputTokens" | "costUsd") =>
    left?.[name] === undefined && right[name] === undefined ? {} : { [name]: (left?.[name] ?? 0) + (right[name] ?? 0) };
  const model = right.model ?? left?.model;
  return { ...(model !== undefined && { model }), ...add("inputTokens"), ...add("outputTokens"), ...add("costUsd") };
}

export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

/** An explanation in sections, for people. Those that have nothing to say are left out. */
export function sectionsOf({ job, usage, ids, logQueries, remedies }: Explanation, nowMs: number): Section[] {
  const sections: Section[] = [
    { title: "Job", lines: headOf(job) },
    { title: "Waterfall", lines: job.steps.length > 0 ? [...waterfall(job, nowMs), LEGEND] : [] },
    { title: "Attempts", lines: job.steps.flatMap(attemptsOf) },
    { title: "Waits for", lines: waitsOf(job) },
    { title: "Error", lines: job.error === undefined ? [] : chain(job.error) },
    {
      title: "Cost",
      lines: [
        ...columns(Object.entries(usage).map(([step, used]) => [step, usageText(used)])),
        `total: ${costText(job)}`,
      ],
    },
    {
      title: "Ids",
      lines: columns([
        ["job", ids.jobId],
        ...(ids.traceId === undefined ? [] : [["trace", ids.traceId]]),
        ...Object.entries(ids.providerIds).map(([attempt, id]) => [`provider's, ${attempt}`, id]),
        ...Object.entries(ids.workers).map(([holder, attempts]) => ["worker", `${holder}  (${attempts.join(", ")})`]),
      ]),
    },
    { title: "Logs", lines: [`CloudWatch  ${logQueries.cloudWatch}`, `embedded    ${logQueries.embedded}`] },
    { title: "What to do", lines: remedies.flatMap(({ command, why }) => [command, `    ${why}`]) },
  ];
  return sections.filter(({ lines }) => lines.length > 0);
}

function headOf(job: JobView): string[] {
  const forked =
    job.forkedFrom === undefined ? [] : [`forked from ${job.forkedFrom.jobId} after seq ${job.forkedFrom.seq}`];
  const took = seconds(between(job.createdAt, job.updatedAt));
  return [
    `${job.id}  ${job.workflow}  ${job.status}  ${took}`,
    `from ${job.createdAt}, deadline ${job.deadline}`,
    ...forked,
  ];
}

function attemptsOf({ id, attempts }: JobView["steps"][number]): string[] {
  return attempts.flatMap(({ attempt, outcome, startedAt, endedAt, error }) => {
    const took = endedAt === undefined ? "" : `  ${seconds(between(startedAt, endedAt))}`;
    return [
      `${id} ${attempt}  ${outcome}${took}`,
      ...(error === undefined ? [] : chain(error).map((line) => `  ${line}`)),
    ];
  });
}

function waitsOf({ steps, timers = [], signals = [] }: JobView): string[] {
  return [
    ...steps.flatMap(({ id, status, retryAt }) =>
      status === "dead-lettered"
        ? [`a person, for step ${id}`]
        : retryAt === undefined
          ? []
          : [`${retryAt}, for step ${id}`],
    ),
    ...timers.filter(({ fired }) => !fired).map(({ id, fireAt }) => `${fireAt}, for timer ${id}`),
    ...signals.filter(({ status }) => status === "awaited").map(({ name }) => `signal ${name}`),
  ];
}

const chain = (error: NonNullable<JobView["error"]>): string[] =>
  chainOf(error).map((link, depth) => (depth === 0 ? link : `${"  ".repeat(depth)}caused by ${link}`));
