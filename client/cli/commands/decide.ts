import type { JobView } from "../../wire.ts";
import { type Command, type Context, EXIT, type ExitCode } from "../command.ts";
import { jsonOf } from "../input.ts";
import { redriveAll } from "./redrive-all.ts";

/** Commands by which a person decides how a job goes on. All of them put what they are given as `--reason` on record. */

const WHICH = { step: { type: "string" }, seq: { type: "string" }, "as-of": { type: "string" } } as const;
const WHICH_FLAGS = [
  ["--step ID", "only this step; @advance is the workflow itself"],
  ["--seq N", "only if it is this dead letter: safe to repeat"],
  ["--as-of N", "only what was given up until the job's seq N: safe to repeat"],
] as const;
const REASON = { reason: { type: "string" } } as const;
const REASON_FLAG = ["--reason TEXT", "for the record"] as const;

function tell(view: Pick<JobView, "id" | "status">, { terminal, json, connection }: Context): ExitCode {
  if (json) terminal.json(view);
  else {
    terminal.line(`${view.id}  ${view.status}`);
    if (view.status === "running") terminal.note(`npx sluice watch ${view.id}${connection}`);
  }
  return EXIT.done;
}

export const redrive: Command = {
  name: "redrive",
  summary: "tries dead letters again: a job's, or, without an ID, those of a filter",
  usage: "[ID] [flags]",
  positionals: ["[ID]"],
  options: {
    ...WHICH,
    ...REASON,
    input: { type: "string" },
    result: { type: "string" },
    workflow: { type: "string" },
    capability: { type: "string" },
    error: { type: "string" },
    all: { type: "boolean" },
    rate: { type: "string" },
  },
  flags: [
    ...WHICH_FLAGS,
    ["--input JSON", "in the place of the step's input (@FILE, -)"],
    ["--result JSON", "answers the step by hand (@FILE, -)"],
    ["--workflow, --capability, --error NAME", "without an ID: which dead letters"],
    ["--all", "without an ID: all of the tenant's"],
    ["--rate N", "without an ID: so many a second (default 10)"],
    REASON_FLAG,
  ],
  examples: [
    "redrive job_… --step draft --seq 12",
    `redrive job_… --step draft --result '{"text": "…"}' --reason "answered by hand"`,
    'redrive --capability completion --error HeldError --rate 2 --reason "quota raised"',
  ],
  async run(context, [id], flags) {
    const { client, signal } = context;
    const [input, result] = [flags.text("input"), flags.text("result")];
    const reason = flags.text("reason");
    if (id === undefined) return redriveAll(context, flags);
    const view = await client.job(id).redrive({
      stepId: flags.text("step"),
      seq: flags.count("seq"),
      asOf: flags.count("as-of"),
      ...(input !== undefined && { input: await jsonOf(input, "input", signal) }),
      ...(result !== undefined && { result: await jsonOf(result, "result", signal) }),
      reason,
      signal,
    });
    return tell(view, context);
  },
};

export const discard: Command = {
  name: "discard",
  summary: "gives dead letters of a job up: to the workflow the steps have failed",
  usage: "ID --reason TEXT [flags]",
  positionals: ["ID"],
  options: { ...WHICH, ...REASON },
  flags: [...WHICH_FLAGS, REASON_FLAG],
  examples: ['discard job_… --step draft --seq 12 --reason "not needed"'],
  async run(context, [id = ""], flags) {
    const view = await context.client.job(id).discard({
      stepId: flags.text("step"),
      seq: flags.count("seq"),
      asOf: flags.count("as-of"),
      reason: flags.required("reason"),
      signal: context.signal,
    });
    return tell(view, context);
  },
};

export const cancel: Command = {
  name: "cancel",
  summary: "ends a job: running calls are stopped",
  usage: "ID [flags]",
  positionals: ["ID"],
  options: REASON,
  flags: [REASON_FLAG],
  examples: ['cancel job_… --reason "not needed"'],
  async run(context, [id = ""], flags) {
    const view = await context.client.job(id).cancel({ reason: flags.text("reason"), signal: context.signal });
    return tell(view, context);
  },
};

export const signal: Command = {
  name: "signal",
  summary: "tells a job what its workflow waits for",
  usage: "ID NAME [flags]",
  positionals: ["ID", "NAME"],
  options: { ...REASON, payload: { type: "string" } },
  flags: [["--payload JSON", "what the workflow's schema for this signal takes (@FILE, -)"], REASON_FLAG],
  examples: [`signal job_… approval --payload '{"approved": true}'`],
  async run(context, [id = "", name = ""], flags) {
    const payload = flags.text("payload");
    const view = await context.client.job(id).signal(name, {
      ...(payload !== undefined && { payload: await jsonOf(payload, "payload", context.signal) }),
      reason: flags.text("reason"),
      signal: context.signal,
    });
    return tell(view, context);
  },
};

export const fork: Command = {
  name: "fork",
  summary: "begins a new job that keeps a job's results up to a step",
  usage: "ID [flags]",
  positionals: ["ID"],
  options: { after: { type: "string" }, input: { type: "string" } },
  flags: [
    ["--after STEP", "a completed step: what was done up to it is kept (default: nothing)"],
    ["--input JSON", "in the place of the job's input (@FILE, -)"],
  ],
  examples: ["fork job_… --after context"],
  async run(context, [id = ""], flags) {
    const input = flags.text("input");
    const job = await context.client.job(id).fork({
      after: flags.text("after"),
      ...(input !== undefined && { input: await jsonOf(input, "input", context.signal) }),
      signal: context.signal,
    });
    return tell(job.accepted, context);
  },
};
