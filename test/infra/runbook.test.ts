import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PARAGRAPHS } from "../../lib/monitoring.ts";

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

test("docs/runbook.md has a paragraph for everything that an alarm's description leads to", () => {
  const text = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");
  const anchors = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
  expect(anchors).toEqual(expect.arrayContaining([...PARAGRAPHS]));
});
