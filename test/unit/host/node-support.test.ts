import { expect, test } from "vitest";
import { whyUnsupported } from "../../../src/host/node-support.ts";

test("a Node with SQLite and type stripping will do", () => {
  expect(whyUnsupported("v24.0.0", { sqlite: true, typeStripping: true })).toBeUndefined();
});

test("an older Node is named with what it lacks and what is needed", () => {
  const old = whyUnsupported("v20.20.2", { sqlite: false, typeStripping: false });
  expect(old).toBe(
    "Sluice needs Node 24, or 22 from 22.18 on: this one, v20.20.2, has no node:sqlite, where jobs and documents are kept, and no type stripping, which runs an app in TypeScript",
  );
  const between = whyUnsupported("v22.13.0", { sqlite: true, typeStripping: false });
  expect(between).toContain("v22.13.0, has no type stripping");
  expect(between).not.toContain("sqlite");
});
