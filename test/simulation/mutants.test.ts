import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runMany } from "../../tools/simulate/run-many.ts";
import { patched } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");

test.each(MUTANTS)("the code still has what $name replaces, once", ({ patches }) => {
  for (const [file, of] of Map.groupBy(patches, (patch) => patch.file)) {
    const source = readFileSync(join(ROOT, file), "utf8");
    expect(of.reduce(patched, source)).not.toBe(source);
  }
});

test("a mutant whose text is not there, or there twice, is refused", () => {
  const patch = { file: "f.ts", from: "a", to: "b" };
  expect(patched("xax", patch)).toBe("xbx");
  expect(() => patched("xx", patch)).toThrow("f.ts has 0 times what a mutant replaces");
  expect(() => patched("aa", patch)).toThrow("2 times");
});

test("a planted bug is found", async () => {
  const { broken } = await runMany({ first: 1, schedules: 100, workers: 1, mutant: "no-dedupe", untilBroken: true });
  expect(broken.at(-1)?.broken[0]?.invariant).toBe("rule 14");
});
