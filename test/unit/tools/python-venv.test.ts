import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findPython } from "../../../tools/find-python.ts";
import { ensureVenv } from "../../../tools/python-venv.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "python-"));
  vi.spyOn(console, "error").mockReturnValue();
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  vi.restoreAllMocks();
});

/** A program that answers as a Python of this version would, makes environments with itself inside, and writes down each pip. */
function python(name: string, version: readonly number[], missing: readonly string[] = []): string {
  const path = join(dir, name);
  const answer = JSON.stringify({ version, executable: path, missing });
  writeFileSync(
    path,
    `#!/bin/sh
case "$*" in
  *"-m venv "*) for target; do :; done; mkdir -p "$target/bin" && cp "$0" "$target/bin/python" && : > "$target/bin/tool" ;;
  *"-m pip "*) echo "$*" >> ${dir}/pips; if [ -e ${dir}/refuse ]; then echo "the hashes do not match" >&2; exit 1; fi ;;
  *) echo '${answer}' ;;
esac
`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe("a Python is found", () => {
  test("that is new enough and can make environments, the first of those", async () => {
    const old = python("old", [3, 9, 18]);
    const bare = python("bare", [3, 11, 2], ["ensurepip"]);
    const good = python("good", [3, 10, 0]);
    const missing = join(dir, "missing");
    expect(await findPython("tool", [missing, old, bare, good, python("later", [3, 13, 0])])).toBe(good);
  });

  test("or it is said what is wrong with each, and what to install", async () => {
    const candidates = [python("old", [3, 9, 18]), python("bare", [3, 11, 2], ["ensurepip"])];
    await expect(findPython("cfn-lint", candidates)).rejects.toThrow(
      /^cfn-lint needs Python 3\.10 or later, with venv: \S+old is 3\.9\.18; \S+bare is 3\.11\.2 without ensurepip\. Install python3 and python3-venv \(apt\)/,
    );
    await expect(findPython("cfn-lint", [join(dir, "missing")])).rejects.toThrow(/: none of \S+missing runs\. Install/);
  });
});

describe("an environment", () => {
  const pips = (): string[] => readFileSync(join(dir, "pips"), "utf8").trim().split("\n");
  const requirements = (text: string): string => {
    const path = join(dir, "requirements.txt");
    writeFileSync(path, text);
    return path;
  };
  const ensure = (text = "tool==1.0 --hash=sha256:00") =>
    ensureVenv({
      name: "tool",
      requirementsFile: requirements(text),
      cacheDir: join(dir, "cache"),
      pythons: [python("python3", [3, 11, 2])],
    });

  test("is made once, with nothing that the file has no hash for", async () => {
    const venv = await ensure();
    expect(await ensure()).toEqual({ python: venv.python, bin: expect.any(Function) });
    expect(pips()).toEqual([expect.stringContaining("--require-hashes --no-deps --only-binary :all:")]);
    expect(venv.bin("tool")).toMatch(/\/bin\/tool$/);
    expect(() => venv.bin("other")).toThrow(/brings a program "other"/);
  });

  test("is another one when the file changes", async () => {
    const { python: first } = await ensure();
    expect((await ensure("tool==1.1 --hash=sha256:01")).python).not.toBe(first);
    expect(pips()).toHaveLength(2);
  });

  test("whose Python is gone is made again", async () => {
    const { python: first } = await ensure();
    rmSync(first);
    const { python: second } = await ensure();
    expect(second).not.toBe(first);
    expect(pips()).toHaveLength(2);
    expect(readdirSync(join(dir, "cache"))).toHaveLength(2);
  });

  test("that two want at once is one", async () => {
    const [one, other] = await Promise.all([ensure(), ensure()]);
    expect(one.python).toBe(other.python);
    expect(readdirSync(join(dir, "cache"))).toHaveLength(2);
  });

  test("that cannot be installed leaves nothing, and says why", async () => {
    writeFileSync(join(dir, "refuse"), "");
    await expect(ensure()).rejects.toThrow(/^tool could not be installed from .*\nthe hashes do not match$/s);
    expect(readdirSync(join(dir, "cache"))).toEqual([]);
    rmSync(join(dir, "refuse"));
    await ensure();
  });
});

test.each(["cfn-lint", "ministack"])("the file for %s pins every package and has its hashes", (name) => {
  const file = join(import.meta.dirname, `../../../tools/python/${name}.txt`);
  const packages = readFileSync(file, "utf8")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", "")
    .trim()
    .split("\n");
  for (const line of packages) expect(line).toMatch(/^[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}/);
  expect(packages.some((line) => line.startsWith(`${name}==`))).toBe(true);
});
