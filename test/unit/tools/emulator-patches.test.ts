import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const PATCHES = join(import.meta.dirname, "../../../tools/emulator/patches");
/** What patches share, and their list. */
const NO_PATCHES = ["__init__.py", "cloudformation.py", "web_socket_trial.py"];
const files = readdirSync(PATCHES).filter((file) => file.endsWith(".py") && !NO_PATCHES.includes(file));
const names = files.map((file) => file.slice(0, -".py".length)).sort();

test("every patch of the emulator is in the launcher's list and on its page, and nothing else is", () => {
  const list = readFileSync(join(PATCHES, "__init__.py"), "utf8");
  expect([...list.matchAll(/^ {4}"(\w+)",$/gm)].map(([, name]) => name).sort()).toEqual(names);
  const page = readFileSync(join(import.meta.dirname, "../../../docs/emulator.md"), "utf8");
  const chapter = page.slice(page.indexOf("## What is patched"), page.indexOf("## What it cannot do"));
  expect([...chapter.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name).sort()).toEqual(names);
});

test.each(files)("%s says which line of the emulator it is about, tries it, and fills it", (file) => {
  const source = readFileSync(join(PATCHES, file), "utf8");
  expect(source).toMatch(/^GAP = \($/m);
  expect(source).toMatch(/"(?:services|core)\/[\w/]+\.py:\d+/);
  expect(source).toMatch(/^def is_there\(\):$/m);
  expect(source).toMatch(/^def fill\(\):$/m);
});
