import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildIndex } from "../../../src/corpus/build-index.ts";

const root = mkdtempSync(join(tmpdir(), "portable-"));
afterAll(() => rmSync(root, { recursive: true }));

const documents = Array.from({ length: 40 }, (_, n): [string, string] => [
  `part-${n % 4}/${n}.md`,
  `# Title ${n}\n\n${`word${n % 7} and other${n} words. `.repeat(60)}\n`,
]);
let built = 0;
function bytesOf(list: readonly [string, string][]): Buffer {
  built += 1;
  const dir = join(root, `documents-${built}`);
  for (const [path, text] of list) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), text);
    utimesSync(join(dir, path), built * 1_000, built * 1_000);
  }
  const file = join(root, `${built}.index`);
  buildIndex(dir, file, { portable: true });
  return readFileSync(file);
}

test("identical documents make identical bytes, wherever, whenever and in whatever order they were written", () => {
  const first = bytesOf(documents);
  expect(bytesOf(documents.toReversed()).equals(first)).toBe(true);
  const [[path = ""] = [], ...rest] = documents;
  expect(bytesOf([[path, "# Title 0\n\nAnother text.\n"], ...rest]).equals(first)).toBe(false);
});
