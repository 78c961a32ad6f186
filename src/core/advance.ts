import type { EventBody } from "../contract/events.ts";
import { isDeeperThan, type Json, MAX_JSON_DEPTH } from "../contract/json.ts";
import { violations } from "../contract/problem.ts";
import type { App } from "./define-app.ts";
import type { AnyWorkflow } from "./define-workflow.ts";
import { errorInfo, JobFailedError, StepFailedError, WorkflowError } from "./errors.ts";
import { Pass, type PassData } from "./pass.ts";
import type { JobState } from "./state.ts";

/** Of a workflow's output as JSON, in bytes of UTF-8: a reader gets it whole in one response. */
const MAX_OUTPUT_BYTES = 1_048_576;

/** Where a workflow got to. `broken` says that its code needs a person; nothing of it may be appended. */
export type Advance =
  | { readonly kind: "waits"; readonly events: readonly EventBody[] }
  | { readonly kind: "ended"; readonly events: readonly EventBody[] }
  | { readonly kind: "broken"; readonly error: WorkflowError };

/**
 * Runs a job's workflow function against its log and says what the log lacks (rules 6 and 7 of the job protocol).
 *
 * The function is called anew every time; steps in the log answer at once, all others stay open. When nothing but
 * open promises is left, the function has got as far as it can. That it must await nothing but steps is what makes
 * this decidable, so awaiting anything else is reported as what it is.
 */
export async function advance(state: JobState, app: App, data: PassData): Promise<Advance> {
  try {
    return await tryAdvance(state, app, data);
  } catch (error) {
    // A schema may throw as well, or an output may be none that JSON can hold: no result may be lost by it (rule 6).
    return threw(error, []);
  }
}

async function tryAdvance(state: JobState, app: App, data: PassData): Promise<Advance> {
  const workflow = app.workflows.get(state.workflow);
  if (workflow === undefined) {
    return broken(
      `the app has no workflow ${JSON.stringify(state.workflow)}; it has ${[...app.workflows.keys()].join(", ")}`,
    );
  }
  const input = workflow.input.safeParse(state.input);
  if (!input.success) {
    return broken(
      `the recorded input is not what workflow ${workflow.name} takes today`,
      violations(input.error, "/input"),
    );
  }
  const pass = new Pass(state, app, data);
  const end = await runPass(workflow, pass, input.data);

  if (pass.broken) return { kind: "broken", error: pass.broken };
  if (end === undefined) {
    if (pass.waiting > 0) return { kind: "waits", events: pass.events };
    return broken(
      `workflow ${workflow.name} awaits something that is no step. Its run is called again for every result and may only ` +
        "await job.step, job.retrieve, job.complete, job.tool, job.sleep, job.signal, job.now and job.random; put other work into a capability",
    );
  }
  if ("error" in end) return threw(end.error, pass.events);
  const output = workflow.output.safeParse(end.output);
  if (!output.success) {
    const errors = violations(output.error, "/output");
    return broken(
      `workflow ${workflow.name} returned what its output schema forbids: ${errors.map((e) => `${e.path}: ${e.message}`).join("; ")}`,
      errors,
    );
  }
  const text = JSON.stringify(output.data) as string | undefined;
  if (isDeeperThan(output.data, MAX_JSON_DEPTH) || Buffer.byteLength(text ?? "") > MAX_OUTPUT_BYTES) {
    return broken(
      `workflow ${workflow.name} returned more than ${MAX_OUTPUT_BYTES} bytes of JSON, or more than ${MAX_JSON_DEPTH} levels. Return a reference`,
    );
  }
  const again = new Pass(state, app, data, true);
  await runPass(workflow, again, input.data);
  const drift = again.drift();
  return {
    kind: "ended",
    events: [
      ...pass.events,
      {
        type: "job.completed",
        output: text === undefined ? undefined : (JSON.parse(text) as Json),
        ...(drift.length > 0 ? { inputDrift: drift } : {}),
      },
    ],
  };
}

/** Calls the function and waits until it can get no further; undefined: it has not come to its end. */
async function runPass(
  workflow: AnyWorkflow,
  pass: Pass,
  input: unknown,
): Promise<{ output: unknown } | { error: unknown } | undefined> {
  let end: { output: unknown } | { error: unknown } | undefined;
  const finished = (async () => workflow.run(pass, input))().then(
    (output) => {
      end = { output };
    },
    (error: unknown) => {
      end = { error };
    },
  );
  do await Promise.race([finished, microtasksDone()]);
  while (end === undefined && pass.answerNext());
  return end;
}

/** Failing on purpose ends the job; any other throw is a bug, which a repaired deployment can get past. */
function threw(error: unknown, events: readonly EventBody[]): Advance {
  if (error instanceof JobFailedError || error instanceof StepFailedError) {
    return { kind: "ended", events: [...events, { type: "job.failed", error: errorInfo(error) }] };
  }
  const wrapped = new WorkflowError(
    `the workflow threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
  );
  wrapped.cause = error;
  return { kind: "broken", error: wrapped };
}

const broken = (message: string, detail?: WorkflowError["detail"]): Advance => ({
  kind: "broken",
  error: new WorkflowError(message, detail),
});

/**
 * Resolves when every microtask that is due has run, without waiting for the event loop: Node runs its next-tick
 * queue only when the microtask queue is empty (nodejs.org/api/process.html#when-to-use-queuemicrotask-vs-processnexttick).
 */
async function microtasksDone(): Promise<void> {
  await null;
  return new Promise((resolve) => process.nextTick(resolve));
}
