import { expect, test } from "vitest";
import { TextAssembler, type Update } from "../../client/index.ts";

let seq = 0;
const progress = (attempt: number, offset: number, text: string, stepId = "draft"): Update => ({
  type: "event",
  event: { type: "step.progress", seq: ++seq, stepId, attempt, offset, text } as Extract<
    Update,
    { type: "event" }
  >["event"],
});
const delta = (attempt: number, offset: number, text: string, stepId = "draft"): Update => ({
  type: "delta",
  delta: { jobId: "job_x", stepId, attempt, offset, text },
});

/** What a reader of the chunks has on screen, step by step. */
function shown(updates: readonly Update[]): Record<string, string> {
  const assembler = new TextAssembler();
  const texts: Record<string, string> = {};
  for (const update of updates) {
    const chunk = assembler.add(update);
    if (chunk === undefined) continue;
    const before = chunk.anew ? "" : (texts[chunk.stepId] ?? "");
    if (!chunk.anew) expect(chunk.offset).toBe(before.length);
    texts[chunk.stepId] = before + chunk.text;
  }
  return texts;
}

test("events alone give the text, steps apart", () => {
  const updates = [progress(1, 0, "Hel"), progress(1, 0, "Other", "answer"), progress(1, 3, "lo")];
  expect(shown(updates)).toEqual({ draft: "Hello", answer: "Other" });
});

test("deltas run ahead, and the event that covers them adds the rest", () => {
  expect(shown([delta(1, 0, "He"), delta(1, 2, "l"), progress(1, 0, "Hello"), delta(1, 2, "l")])).toEqual({
    draft: "Hello",
  });
});

test("what stands behind a lost delta waits for the log", () => {
  expect(shown([delta(1, 0, "He"), delta(1, 4, "o"), progress(1, 0, "Hell"), delta(1, 4, "o")])).toEqual({
    draft: "Hello",
  });
});

test("a new attempt begins anew, and the old one's late text is void", () => {
  const updates = [
    progress(1, 0, "Wrong"),
    delta(2, 0, "Ri"),
    delta(1, 5, "ly"),
    progress(1, 5, "ly"),
    progress(2, 0, "Right"),
  ];
  expect(shown(updates)).toEqual({ draft: "Right" });
});

test("a new attempt's delta that does not begin it is left out", () => {
  expect(shown([progress(1, 0, "Wrong"), delta(2, 2, "ght"), progress(2, 0, "Right")])).toEqual({ draft: "Right" });
});

test("a reader who comes late begins where the log goes on for them", () => {
  const chunk = new TextAssembler().add(progress(1, 100, "later"));
  expect(chunk).toEqual({ stepId: "draft", attempt: 1, offset: 100, text: "later", anew: true });
});

test("offsets are UTF-16 code units", () => {
  expect(shown([delta(1, 0, "🙂"), progress(1, 0, "🙂!"), delta(1, 2, "!?")])).toEqual({ draft: "🙂!?" });
});
