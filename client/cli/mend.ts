import { hasEnded, type JobView } from "../wire.ts";
import { quoted } from "./quoted.ts";

/** Something that can be done about a job: the command, and what it does or asks for first. */
export interface Remedy {
  readonly command: string;
  readonly why: string;
}

/** What has to be put right before a redrive, by the name of the error (docs/runbook.md, dead letters). */
const FIRST: Readonly<Record<string, string>> = {
  HeldError: "put the access, the key or the quota right that the error names",
  InDoubtError: "look at the provider whether the call was made: a redrive makes it again",
  SetAsideError: "look at the worker's log: whoever took the step died",
  UnknownCapabilityError: "deploy the capability again",
};

/** What can be done about a job, likeliest first; nothing for one that has completed or goes on by itself. */
export function remediesFor(job: JobView, connection: string): Remedy[] {
  const sluice = (rest: string): string => `npx sluice ${rest}${connection}`;
  const letters = job.steps.filter(({ status }) => status === "dead-lettered");
  const waiting = job.signals?.filter(({ status }) => status === "awaited") ?? [];
  if (letters.length > 0) {
    return letters.flatMap(({ id, error, deadLetterSeq }) => {
      const which = `${job.id} --step ${quoted(id)}${deadLetterSeq === undefined ? "" : ` --seq ${deadLetterSeq}`}`;
      const before = id === "@advance" ? "fix and deploy the workflow" : FIRST[error?.name ?? ""];
      return [
        { command: sluice(`redrive ${which}`), why: before === undefined ? "tries it again" : `first ${before}` },
        { command: sluice(`discard ${which} --reason '…'`), why: "gives it up: to the workflow the step has failed" },
      ];
    });
  }
  if (job.status === "dead-lettered") {
    const why = "first see above what waits, and put it right";
    return [{ command: sluice(`redrive ${job.id} --as-of ${job.seq}`), why }];
  }
  if (hasEnded(job.status) && job.status !== "completed") {
    const kept = job.steps.filter(({ status }) => status === "completed").at(-1);
    const after = kept === undefined ? "" : ` --after ${quoted(kept.id)}`;
    const why = kept === undefined ? "a new job, from the beginning" : "a new job that keeps what was done so far";
    return [{ command: sluice(`fork ${job.id}${after}`), why }];
  }
  return waiting.map(({ name }) => ({
    command: sluice(`signal ${job.id} ${quoted(name)} --payload '…'`),
    why: "the workflow waits for it",
  }));
}
