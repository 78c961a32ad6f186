import type { Percentiles } from "./percentiles.ts";
import { killsOf, type SoakReport } from "./run-soak.ts";

const MAX_VIOLATIONS = 10;

/** The figures of a run as lines for a person; what is off comes last. */
export function printReport(report: SoakReport): string {
  const { kills, figures: of, endings, submissions, recovery } = report;
  const moments = Object.entries(kills).map(([moment, count]) => `${count} ${moment}`);
  const ends = Object.entries(endings).map(([ending, count]) => `${count} ${ending}`);
  const lines = [
    ["jobs", `${report.jobs}: ${ends.join(", ")}`],
    ["kills", `${killsOf(report)} SIGKILLs (${moments.join(", ")}), ${report.restarts} restarts`],
    [
      "submissions",
      `${submissions.accepted} accepted; ${submissions.repeats} sent again, ${submissions.answersLost} of them accepted before with the answer lost`,
    ],
    ["steps", `${of.steps}, ${of.modelSteps} of them calls of the model`],
    [
      "attempts",
      `${of.attempts} = ${of.modelSteps} first + ${of.reruns} in-doubt reruns + ${of.failed} failed + ${of.throttled} throttled`,
    ],
    ["calls", `${of.calls} = ${of.attempts} attempts - ${of.unreached} killed between claim and call`],
    ["inferences", `${of.inferences} = ${of.calls} calls - ${of.calls - of.inferences} that the model refused at once`],
    [
      "wasted",
      `${of.answersLost} reruns of a call that had been answered whole; ${of.recovered} streams recovered without a second inference`,
    ],
    ["other steps", `${of.otherAttempts} attempts, ${of.otherReruns} of them in-doubt reruns`],
    ["held", `${of.held} steps given to a person after too many attempts in doubt`],
    ["to healthz", timesOf(recovery.healthy)],
    ["to work", timesOf(recovery.work)],
    ["to rerun", timesOf(recovery.rerun)],
    ["duration", `${(report.durationMs / 1_000).toFixed(1)} s, seed ${report.seed}`],
    [
      "verdict",
      `${report.lost.length} lost jobs, ${report.doubled.length} doubled jobs, ${report.broken.length} broken invariants`,
    ],
  ].map(([name = "", text]) => `${name.padEnd(12)} ${text}`);
  const { violations } = report;
  if (violations.length > 0) lines.push("", `${violations.length} violations, of which the first:`);
  return [...lines, ...violations.slice(0, MAX_VIOLATIONS).map((violation) => `  ${violation}`)].join("\n");
}

const timesOf = (times: Percentiles | undefined): string =>
  times === undefined
    ? "not measured"
    : `p50 ${times.p50} ms, p95 ${times.p95} ms, at most ${times.max} ms (${times.samples} samples)`;
