import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findPython } from "../../../tools/find-python.ts";

/** Those who have none cannot start the launcher either. */
const python = await findPython("this test").catch(() => undefined);
const LAUNCHER = join(import.meta.dirname, "../../../tools/emulator/launcher.py");

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "launcher-"));
  cpSync(LAUNCHER, join(dir, "launcher.py"));
  write("ministack/app.py", 'def main():\n    print("started")\n');
  write("recorder.py", "def start(file):\n    pass\n");
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), text);
}

/** Patches by name: whether the emulator still has the gap of each. */
function patches(gaps: Readonly<Record<string, boolean>>): void {
  for (const [name, there] of Object.entries(gaps)) {
    const isThere = `def is_there():\n    return ${there ? "True" : "False"}\n`;
    write(`patches/${name}.py`, `GAP = "${name} is not done"\n${isThere}def fill():\n    print("filled ${name}")\n`);
  }
  const names = Object.keys(gaps);
  write(
    "patches/__init__.py",
    `from . import ${names.join(", ")}\nNAMES = ${JSON.stringify(names)}\nPATCHES = [${names.join(", ")}]\n`,
  );
}

const launch = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((done) => {
    const env = { PATH: process.env.PATH };
    execFile(python ?? "", ["-B", join(dir, "launcher.py"), ...args], { env }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

test.skipIf(python === undefined)("the launcher fills every gap that is there, and starts the emulator", async () => {
  patches({ one: true, two: true });
  expect(await launch()).toEqual({ code: 0, stdout: "filled one\nfilled two\nstarted\n", stderr: "" });
});

test.skipIf(python === undefined)("it starts nothing where a gap is gone, and names the file to delete", async () => {
  patches({ one: true, two: false });
  const { code, stdout, stderr } = await launch();
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("no longer has the gap of tools/emulator/patches/two.py: delete it");
  expect(stderr).not.toContain("one.py");
});

test.skipIf(python === undefined)("it tells the gaps, and starts nothing", async () => {
  patches({ one: true });
  const { stdout } = await launch("--gaps");
  expect(JSON.parse(stdout)).toEqual([{ name: "one", gap: "one is not done" }]);
});
