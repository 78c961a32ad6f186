import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PARAGRAPHS } from "../../lib/monitoring.ts";
import { anchorsOf } from "../unit/house/markdown.ts";

const text = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8");
const anchors = anchorsOf(text);

test("docs/runbook.md has a paragraph for everything that an alarm's description leads to", () => {
  expect(anchors).toEqual(expect.arrayContaining([...PARAGRAPHS]));
});

test("and for everything that a tool's message leads to", () => {
  const messages = globSync("tools/**/*.ts").map((file) => readFileSync(file, "utf8"));
  const led = messages.flatMap((message) =>
    [...message.matchAll(/docs\/runbook\.md#([\w-]+)/g)].map(([, to = ""]) => to),
  );
  expect(led.length).toBeGreaterThan(0);
  expect(anchors).toEqual(expect.arrayContaining(led));
});
