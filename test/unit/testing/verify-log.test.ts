import { describe, expect, test } from "vitest";
import { viewOf } from "../../../lambdas/jobs/jobs.ts";
import { eventsOf } from "../../../src/contract/events.ts";
import { fold } from "../../../src/core/fold.ts";
import { problemsOf, sealing } from "../../../src/testing/verify-log.ts";
import { completed, failed, logOf, requested, started, submitted } from "../core/fixtures.ts";

/** A log of two steps, the second of which failed once, as it is exported. */
function exported(): string[] {
  const commits = logOf(
    [submitted(), requested("a")],
    [started("a")],
    [completed("a", { n: 1 }), requested("b"), started("b")],
    [failed("b", { retryAt: "2030-01-01T00:00:05.000Z" })],
    [started("b", 2)],
    [completed("b", null, 2), { type: "job.completed", output: { n: 1 } }],
  );
  const state = fold(commits);
  if (state === undefined) throw new Error("unreachable");
  const events = commits.flatMap(eventsOf);
  const seal = sealing();
  const lines = [{ sluiceLog: 1, job: viewOf(state) }, ...events].map((line) => JSON.stringify(line));
  for (const line of lines) seal.add(line);
  return [...lines, seal.end()];
}

const without = (line: number): string[] => exported().toSpliced(line, 1);
const changed = (line: number, from: string, to: string): string[] => {
  const lines = exported();
  const text = lines[line]?.replace(from, to);
  if (text === undefined || text === lines[line]) throw new Error(`line ${line} has no ${from}`);
  return lines.with(line, text);
};

describe("an exported log", () => {
  test("is whole as it was exported", () => {
    expect(problemsOf(exported().join("\n"))).toEqual([]);
    expect(problemsOf(`${exported().join("\r\n")}\n`)).toEqual([]);
  });

  test.each<[string, string[], RegExp]>([
    ["without its first line", without(0), /^line 1: is no exported log's/],
    ["without an event in the middle", without(4), /^1: stands at place/],
    ["without its last event", without(10), /status: the log comes to "running", the job says "completed"/],
    ["with an event of no schema", changed(3, '"attempt":1', '"attempt":"one"'), /^line 4: is no event/],
    ["with a line that is no JSON", exported().with(2, "{"), /^line 3: is no event/],
    ["with another result than the job's", changed(10, '"n":1', '"n":2'), /^result: the log comes to \{"n":2\}/],
    ["with an attempt that was never started", changed(8, '"attempt":2', '"attempt":3'), /^3: attempt 2 records/],
  ])("is not %s", (_, lines, problem) => {
    expect(problemsOf(lines.join("\n"))[0]).toMatch(problem);
  });

  test.each<[string, string[]]>([
    ["the job's input", changed(1, '"text":"hello"', '"text":"other"')],
    ["a step's input", changed(2, '"input":null', '"input":{"n":7}')],
    ["a step's result, of another type", changed(4, '"result":{"n":1}', '"result":"one"')],
    ["a lease's holder", changed(3, '"holder":"w-1"', '"holder":"w-2"')],
    ["the name of an error", changed(7, '"message":"no"', '"message":"yes"')],
  ])("shows that %s was edited after it was exported", (_, lines) => {
    expect(problemsOf(lines.join("\n")).at(-1)).toMatch(/^the lines are not those that were exported/);
  });

  test("is not without its last line", () => {
    expect(problemsOf(exported().slice(0, -1).join("\n"))).toEqual(["the last line is no seal: the log is cut off"]);
  });

  test("is not with more attempts than its capability allows", () => {
    const text = exported().join("\n");
    expect(problemsOf(text, new Map([["echo", 1]]))).toEqual([expect.stringMatching(/^7: goes on after 1/)]);
    expect(problemsOf(text, new Map([["echo", 2]]))).toEqual([]);
  });
});
