import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkJsonFile, writeJson } from "../../../tools/json-file.ts";
import { UsageError } from "../../../tools/read-outputs.ts";

const dir = mkdtempSync(join(tmpdir(), "sluice-json-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("a file is taken where its folder is there, and written as JSON with a line's end", () => {
  const file = join(dir, "figures.json");
  expect(checkJsonFile(file)).toBe(file);
  writeJson(file, { a: [1] });
  expect(readFileSync(file, "utf8")).toBe('{\n  "a": [\n    1\n  ]\n}\n');
});

test("a file in a folder that is not there is refused before anything is done", () => {
  expect(() => checkJsonFile(join(dir, "no/such/file.json"))).toThrow(UsageError);
  expect(() => checkJsonFile(join(dir, "no/such/file.json"))).toThrow(/--json .*: there is no folder .*no\/such/);
});

test("without the flag nothing is written", () => {
  expect(checkJsonFile(undefined)).toBeUndefined();
  expect(() => writeJson(undefined, {})).not.toThrow();
});
