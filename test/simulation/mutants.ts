import { LIMIT_MUTANTS } from "./limit-mutants.ts";
import { type Mutant, patch } from "./mutant.ts";

/** Bugs that the simulation must find: without them nothing says that it could find one. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "own-write",
    what: "A writer whose answer was lost takes its own commit for another's",
    patches: [
      patch(
        "src/core/appender.ts",
        "if (winner?.commitId !== commit.commitId) return false;",
        "if (winner !== undefined || winner === undefined) return false;",
      ),
    ],
  },
  {
    name: "key-by-last",
    what: "A commit is stored under its last seq instead of its first",
    patches: [
      patch(
        "test/simulation/store.ts",
        "const keyOf = (commit: StoredCommit): number => commit.firstSeq;",
        "const keyOf = (commit: StoredCommit): number => commit.lastSeq;",
      ),
    ],
  },
  {
    name: "late-head",
    what: "The wake-up is written after the first commit instead of with it",
    patches: [
      patch(
        "test/simulation/engine.ts",
        'const outcome = world.store.append(commit, head);\n      if (outcome === "appended") world.appended',
        'const outcome = world.store.append(commit, undefined);\n      if (outcome === "appended") world.appended',
      ),
      patch(
        "test/simulation/engine.ts",
        'if (outcome === "conflict") return outcome;\n',
        'if (outcome === "conflict") return outcome;\n  if (head) await process.call("index.add", () => world.store.addHead(head));\n',
      ),
    ],
  },
  {
    name: "no-fence",
    what: "An attempt that was superseded records its result",
    patches: [
      patch(
        "lambdas/worker/holds.ts",
        ' && step?.status === "running" && step.attempt === attempt;',
        ' && step?.status === "running";',
      ),
      patch("src/core/fold-step.ts", "if (event.attempt !== step.attempt) {", "if (event.attempt > step.attempt) {"),
    ],
  },
  {
    name: "lease-ignored",
    what: "A message takes a step over although another worker's lease is live",
    patches: [
      patch(
        "src/core/claim.ts",
        'if (takeoverMs > context.nowMs) return { kind: "defer", untilMs: takeoverMs };',
        'if (takeoverMs < 0) return { kind: "defer", untilMs: takeoverMs };',
      ),
    ],
  },
  {
    name: "skew-ignored",
    what: "A step is taken over at its lease's end by the taker's own clock",
    patches: [patch("src/core/claim.ts", "lease.untilMs + 2 * maxSkewMs", "lease.untilMs")],
  },
  {
    name: "ack-before-publish",
    what: "A message is acked although what follows from its work could not be published",
    patches: [
      patch(
        "src/core/appender.ts",
        "      throw new PublishingError(jobId, error);\n",
        "      if (jobId === undefined) throw new PublishingError(jobId, error);\n",
      ),
      patch(
        "test/simulation/engine.ts",
        "if (messages.length > 0) await topics.publish(messages);",
        "if (messages.length > 0) await topics.publish(messages).catch(() => {});",
      ),
    ],
  },
  {
    name: "receive-counts",
    what: "Attempts are counted by the queue's receive count",
    patches: [
      patch(
        "lambdas/worker/worker.ts",
        "const { detail } = request;\n  const capability",
        "const detail = { ...request.detail, receiveCount: (request as any).receiveCount };\n  const capability",
      ),
      patch(
        "lambdas/worker/record-outcome.ts",
        "decideRetry(thrown, current, capability, random)",
        "decideRetry(thrown, { ...current, failures: (detail as any).receiveCount - 1 }, capability, random)",
      ),
    ],
  },
  {
    name: "terminal-not-last",
    what: "A late result is appended after the job's end",
    patches: [
      patch("lambdas/worker/holds.ts", "return !isEnded(state) && ", "return "),
      patch("src/core/fold.ts", "if (isEnded(state)) throw", "if (isEnded(state) && state.seq < 0) throw"),
    ],
  },
  {
    name: "advance-apart",
    what: "A result is appended alone, and nobody is asked to bring the job forward",
    patches: [
      patch("src/core/job-writer.ts", "else if (draft.wantsAdvance) await", "else if (draft.mustAdvance) await"),
    ],
  },
  {
    name: "no-dedupe",
    what: "A submission sent twice under one key makes two jobs",
    patches: [patch("lambdas/submit/submit.ts", "ids.jobId(tenant, idempotencyKey)", "ids.jobId(tenant)")],
  },
  {
    name: "stream-end",
    what: "A result is recorded before the end of its stream is",
    patches: [
      patch(
        "lambdas/worker/attempt.ts",
        'if (outcome.kind === "returned") await progress.end(outcome.output, outcome.usage);\n  else await progress.stop();',
        "await progress.stop();",
      ),
    ],
  },
  {
    name: "stream-forgotten",
    what: "A stream whose end is on record is called again after a crash",
    patches: [patch("src/core/claim.ts", "if (step.finished) return", "if (step.finished && step.attempt < 0) return")],
  },
  {
    name: "doubt-hidden",
    what: "A lost call is made again and the log does not say so",
    patches: [
      patch(
        "lambdas/worker/claim-steps.ts",
        "events.push(doubtOf(step, inDoubt.policy, capability, resources));",
        "doubtOf(step, inDoubt.policy, capability, resources);",
      ),
    ],
  },
  {
    name: "deferral-receives",
    what: "A throttled step's message goes back to its queue instead of being deferred, and uses up its receives",
    patches: [patch("lambdas/worker/worker.ts", "if (only?.counts && detail", "if (only && detail")],
  },
  {
    name: "throttles-count",
    what: "Being asked to wait costs an attempt",
    patches: [
      patch("src/core/retry.ts", "      return {\n        counts: false,\n", "      return {\n        counts: true,\n"),
    ],
  },
  {
    name: "reconciler-idle",
    what: "The reconciler never publishes again",
    patches: [
      patch("lambdas/reconciler/reconciler.ts", "    if (again.length > 0) {\n", "    if (again.length < 0) {\n"),
    ],
  },
  {
    name: "deadline-ignored",
    what: "Nobody ends a job that is past its deadline",
    patches: [
      patch("lambdas/reconciler/reconciler.ts", "if (current.deadlineMs <= nowMs) {", "if (current.deadlineMs <= 0) {"),
    ],
  },
  {
    name: "letter-unsent",
    what: "A step is given up in the log, and its message does not reach the dead letters",
    patches: [
      patch(
        "lambdas/worker/record-outcome.ts",
        "if (outcome.deadLetterSeq !== undefined) {",
        "if (outcome.deadLetterSeq === -1) {",
      ),
    ],
  },
  {
    name: "letter-unlogged",
    what: "A step's message goes to the dead letters, and the log does not say so",
    patches: [
      patch(
        "lambdas/worker/record-outcome.ts",
        "if (buried) events.push(",
        "if (buried && state.seq < 0) events.push(",
      ),
    ],
  },
  {
    name: "redrive-restarts",
    what: "A redrive begins again with attempt 1",
    patches: [
      patch(
        "src/core/fold-step.ts",
        "Object.assign(step, { retryAtMs, askedAt: time, failures: 0,",
        "Object.assign(step, { retryAtMs, askedAt: time, attempt: 0, failures: 0,",
      ),
    ],
  },
  {
    name: "stray-redrive",
    what: "Any copy of a message that meets a dead letter is taken for a person's redrive",
    patches: [
      patch(
        "src/core/claim.ts",
        "if (step.deadLettered?.seq === context.messageSeq)",
        "if (step.deadLettered !== undefined)",
      ),
    ],
  },
  {
    name: "old-code",
    what: "Old code brings a job forward that newer code has worked on",
    patches: [
      patch("src/core/newer-code.ts", "state.deploySeq > deploySeq &&", "state.deploySeq < deploySeq - 1_000 &&"),
    ],
  },
  {
    name: "stale-answer",
    what: "A command finds nothing to do in a state from memory that is not the log's last",
    patches: [patch("src/core/job-writer.ts", "if (!fresh && !(await", "if (!fresh && state.seq < 0 && !(await")],
  },
  {
    name: "call-outlasts-lease",
    what: "A call that begins late runs on after its lease has ended",
    patches: [
      patch("lambdas/worker/worker.ts", "    clock.now() + capability.leaseMs,\n", "    Number.POSITIVE_INFINITY,\n"),
    ],
  },
  {
    name: "record-once",
    what: "What a call came to is given up when it cannot be recorded at the first try",
    patches: [patch("lambdas/worker/until-recorded.ts", "if (leftMs <= 0 ||", "if (leftMs !== 0 ||")],
  },
  {
    name: "claim-with-end",
    what: "A step that is claimed in the very commit that ends its job is called",
    patches: [
      patch("lambdas/worker/attempt.ts", "step.stepId, step.attempt, expected);", "step.stepId, step.attempt);"),
    ],
  },
  ...LIMIT_MUTANTS,
];

/** Throws for a name that no mutant has. */
export function mutantNamed(name: string): Mutant {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant) return mutant;
  throw new RangeError(
    `there is no mutant ${JSON.stringify(name)}; known: ${MUTANTS.map((each) => each.name).join(", ")}`,
  );
}
