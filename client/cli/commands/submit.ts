import { hasEnded, type JobView } from "../../wire.ts";
import { type Command, UsageError } from "../command.ts";
import { exitOf, followJob } from "../follow-job.ts";
import { inputOf, jsonOf } from "../input.ts";
import { printResult } from "../print-result.ts";

const OPTIONS = {
  input: { type: "string" },
  follow: { type: "boolean", short: "f" },
  stay: { type: "boolean" },
  wait: { type: "string" },
  "deadline-ms": { type: "string" },
  "idempotency-key": { type: "string" },
} as const;

export const submit: Command = {
  name: "submit",
  summary: "submits a job, and with --follow shows it until it has ended",
  usage: "WORKFLOW [--NAME VALUE …] [flags]",
  positionals: ["WORKFLOW"],
  options: OPTIONS,
  openFlags: true,
  flags: [
    ["--NAME VALUE", "a member of the workflow's input, such as --query"],
    ["--input JSON", "the whole input; @FILE reads a file, - reads stdin"],
    ["-f, --follow", "shows steps, text, sources and cost until the job has ended, or waits for a person"],
    ["--stay", "with --follow: also while it waits for a person"],
    ["--wait S", "without --follow: waits up to S seconds (25 at most) for the job's end"],
    ["--deadline-ms MS", "the job expires when it has not ended after this time"],
    ["--idempotency-key KEY", "the same key is the same job (default: a random one)"],
  ],
  examples: [
    'submit analysis --query "How are SQS queues encrypted by default?" --follow',
    "submit analysis --input @question.json --idempotency-key order-17",
    "submit analysis --query hello --wait 20 --json | jq .result",
  ],
  async run(context, [workflow = ""], flags) {
    const { client, terminal, signal, json } = context;
    const { input, ...rest } = flags.all();
    const members = Object.entries(rest).filter(
      (entry): entry is [string, string] => !Object.hasOwn(OPTIONS, entry[0]) && typeof entry[1] === "string",
    );
    if (typeof input === "string" && members.length > 0) {
      throw new UsageError(`--input is the whole input: it takes no --${members[0]?.[0]} beside it`);
    }
    const key = flags.text("idempotency-key");
    const deadlineMs = flags.count("deadline-ms");
    const body =
      typeof input === "string"
        ? await jsonOf(input, "input", signal)
        : await inputOf(workflow, Object.fromEntries(members), client, signal);
    const waitSeconds = flags.has("follow") ? 0 : (flags.count("wait") ?? 0);
    const job = await client.submit(workflow, body, {
      signal,
      waitSeconds,
      ...(key !== undefined && { idempotencyKey: key }),
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
    if (flags.has("follow")) return followJob(job, context, { stay: flags.has("stay") });
    if (!json) terminal.line(job.id);
    // The server waits for an end only: whether a person has to decide by now, it tells who looks again.
    const isOver = waitSeconds === 0 || hasEnded(job.accepted.status);
    const view = isOver ? job.accepted : await job.get({ signal });
    if (json) terminal.json(view);
    else {
      if (view.status === "completed") printResult(view, new Map(), terminal);
      terminal.note(noteOf(view, context.connection));
    }
    return exitOf(view);
  },
};

function noteOf({ id, status, error }: JobView, connection: string): string {
  if (status === "dead-lettered") return `waits for a person: npx sluice explain ${id}${connection}`;
  if (!hasEnded(status)) return `npx sluice watch ${id}${connection}`;
  return error === undefined ? status : `${status}: ${error.name}: ${error.message}`;
}
