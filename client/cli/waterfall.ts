import type { JobView } from "../wire.ts";
import { seconds } from "./phrases.ts";
import { columns } from "./terminal.ts";

type Step = JobView["steps"][number];
type Attempt = Step["attempts"][number];

/** What an attempt looks like, by its outcome. */
const MARKS: Readonly<Record<Attempt["outcome"], string>> = {
  completed: "#",
  running: ">",
  failed: "x",
  "in-doubt": "?",
  abandoned: "-",
};
const WAITING = ".";
export const LEGEND = "# completed  x failed  ? in doubt  > running  - abandoned  . waiting";

/** When a job's steps waited and ran, each a row on one scale of time. `nowMs` is where what still runs ends. */
export function waterfall(job: JobView, nowMs: number, width = 50): string[] {
  const beginMs = Date.parse(job.createdAt);
  const hasWork = job.steps.some(
    ({ status }) => status === "requested" || status === "running" || status === "retrying",
  );
  const endMs = Math.max(hasWork ? nowMs : Date.parse(job.updatedAt), beginMs + 1);
  const cellOf = (ms: number): number =>
    Math.min(width - 1, Math.max(0, Math.floor(((ms - beginMs) / (endMs - beginMs)) * width)));
  const rows = job.steps.map((step) => [
    step.id,
    step.capability,
    ranFor(step, endMs),
    barOf(step, endMs, cellOf, width),
  ]);
  return columns([["", "", "", `0${seconds(endMs - beginMs).padStart(width - 1)}`], ...rows]);
}

function barOf({ requestedAt, attempts, status }: Step, endMs: number, cellOf: (ms: number) => number, width: number) {
  const cells: string[] = new Array(width).fill(" ");
  const fill = (fromMs: number, toMs: number, mark: string): void =>
    void cells.fill(mark, cellOf(fromMs), cellOf(toMs) + 1);
  const isOver = status === "completed" || status === "failed" || status === "abandoned";
  const lastMs = isOver && attempts.length > 0 ? Math.max(...attempts.map((attempt) => endOf(attempt, endMs))) : endMs;
  fill(Date.parse(requestedAt), lastMs, WAITING);
  for (const attempt of attempts) fill(Date.parse(attempt.startedAt), endOf(attempt, endMs), MARKS[attempt.outcome]);
  return cells.join("").trimEnd();
}

const endOf = ({ endedAt }: Attempt, endMs: number): number => (endedAt === undefined ? endMs : Date.parse(endedAt));

function ranFor({ attempts }: Step, endMs: number): string {
  return seconds(attempts.reduce((sum, attempt) => sum + endOf(attempt, endMs) - Date.parse(attempt.startedAt), 0));
}
