import type { Job } from "../job.ts";
import { TextAssembler } from "../text.ts";
import { hasEnded, type JobView } from "../wire.ts";
import { type Context, EXIT, type ExitCode } from "./command.ts";
import { JobPrinter } from "./job-printer.ts";
import { remediesFor } from "./mend.ts";
import { costText, seconds } from "./phrases.ts";
import { printResult } from "./print-result.ts";

export interface FollowJobOptions {
  readonly after?: number | undefined;
  /** Also while it waits for a person. */
  readonly stay: boolean;
}

/**
 * Shows a job until it has ended, or until nothing but a person can go on with it: its steps, the text that they stream,
 * and at the end its result, sources and cost. With `--json` nothing but the job, once it is over.
 */
export async function followJob(job: Job, context: Context, { after, stay }: FollowJobOptions): Promise<ExitCode> {
  const { terminal, signal, json } = context;
  // Where there is no server, or no such job, that is said at once.
  let view = await job.get({ signal });
  const printer = json ? undefined : new JobPrinter(terminal);
  const assembler = new TextAssembler();
  // A cursor past the end is refused when it is followed.
  const isNew = after !== view.seq;
  for await (const update of isNew || stay || !isStuck(view) ? job.follow({ after, signal }) : []) {
    if (update.type === "event") printer?.event(update.event);
    const chunk = assembler.add(update);
    if (chunk !== undefined) printer?.text(chunk);
    if (stay || update.type !== "event") continue;
    const { seq, type } = update.event;
    if (seq > view.seq && (type === "step.dead_lettered" || view.status === "dead-lettered")) {
      view = await job.get({ signal });
    }
    if (seq >= view.seq && isStuck(view)) break;
  }
  view = await job.get({ signal });
  if (json) terminal.json(view);
  else {
    printer?.end();
    if (view.status === "completed") printResult(view, printer?.texts ?? new Map(), terminal);
    tellEnd(view, context);
  }
  return exitOf(view);
}

const IN_WORK: ReadonlySet<string> = new Set(["requested", "running", "retrying"]);

/** Nothing but a person can go on with it. */
const isStuck = ({ status, steps, timers = [] }: JobView): boolean =>
  status === "dead-lettered" && steps.every((step) => !IN_WORK.has(step.status)) && timers.every(({ fired }) => fired);

export const exitOf = ({ status }: Pick<JobView, "status">): ExitCode =>
  status === "completed" ? EXIT.done : hasEnded(status) ? EXIT.failed : status === "running" ? EXIT.done : EXIT.waits;

function tellEnd(view: JobView, { terminal, connection }: Context): void {
  const tookMs = Date.parse(view.updatedAt) - Date.parse(view.createdAt);
  const isGood = view.status === "completed";
  terminal.line(`Usage    ${costText(view)}`);
  terminal.line(terminal.style(isGood ? "green" : "red", view.status), ` after ${seconds(tookMs)}  ${view.id}`);
  if (view.error !== undefined) terminal.line(`  ${view.error.name}: ${view.error.message}`);
  for (const { command, why } of remediesFor(view, connection)) terminal.line(`  ${command}\n      ${why}`);
}
