import { describe, expect, it } from "vitest";
import { sentencesOf } from "../../../src/models/sentences.ts";

describe("sentencesOf", () => {
  it("joins lines to sentences and keeps their words as they are", () => {
    expect(
      sentencesOf(
        "A queue keeps its\nmessages for days. Set `fifo: true`, e.g. Amazon\ndoes it here. Is it `on`? Yes.",
      ),
    ).toEqual(["A queue keeps its messages for days.", "Set `fifo: true`, e.g. Amazon does it here."]);
  });

  it("takes each list item by itself, and quotes without their mark", () => {
    const markdown =
      "* Keys that SQS manages\n  for you\n* Keys you manage yourself here\n1. The first of all\n\n> A quoted line\n> of text.";
    expect(sentencesOf(markdown)).toEqual([
      "Keys that SQS manages for you",
      "Keys you manage yourself here",
      "The first of all",
      "A quoted line of text.",
    ]);
  });

  it.each([
    ["code", "```ts\nA queue is made with new Queue here.\n```"],
    ["code in a fence that does not end", "~~~\nA queue is made with new Queue here."],
    ["headings", "## A Heading Of Four Words"],
    ["tables", "| A table row | with four words |"],
    ["badges", "[![A badge of the build](x)](y)"],
    ["HTML", "<div>A part of four words</div>"],
    ["lead-ins", "The following example shows a queue:"],
    ["loose code", "Const queue = new Queue(this, 'q');"],
    ["the rest of a cut sentence", "and so it ends with this."],
    ["words that would be read as a citation", "The result is in [1] of the list."],
  ])("leaves out %s", (_, markdown) => {
    expect(sentencesOf(markdown)).toEqual([]);
  });
});
