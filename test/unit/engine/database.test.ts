import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATABASE_FILE, openDatabase } from "../../../src/engines/embedded/database.ts";
import { DataError } from "../../../src/engines/embedded/errors.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "sluice-database-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const file = () => join(dataDir, DATABASE_FILE);
function errorOf(dir = dataDir): DataError {
  try {
    openDatabase({ dataDir: dir }).close();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return error as DataError;
  }
  throw new Error("it could be opened");
}

describe("a data directory", () => {
  it("is made where it is missing, and opened again with what was written", () => {
    const deep = join(dataDir, "a", "b");
    const first = openDatabase({ dataDir: deep });
    first.db.exec("INSERT INTO meta VALUES ('k', 'v')");
    first.close();
    const second = openDatabase({ dataDir: deep });
    expect(second.db.prepare("SELECT value FROM meta").get()).toEqual({ value: "v" });
    second.close();
  });

  it("is synced at every commit unless told otherwise", () => {
    for (const [options, level] of [
      [{}, 2],
      [{ synchronous: "NORMAL" }, 1],
    ] as const) {
      const open = openDatabase({ dataDir, ...options });
      expect(open.db.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: level });
      expect(open.db.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
      open.close();
    }
  });

  it("of another version is refused, with both versions and what to do", () => {
    openDatabase({ dataDir }).close();
    const db = new DatabaseSync(file());
    db.exec("PRAGMA user_version = 99");
    db.close();
    expect(errorOf().message).toMatch(
      /has data format 99; this version of Sluice reads format \d+\. Use the version that wrote it, or .*--data/,
    );
  });

  it("with somebody else's database is refused, and left alone", () => {
    const db = new DatabaseSync(file());
    db.exec("CREATE TABLE theirs (x)");
    db.close();
    expect(errorOf().message).toContain("is a database, but not one of Sluice's. Give another directory with --data");
    const again = new DatabaseSync(file());
    expect(again.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "theirs" }]);
    again.close();
  });

  it("with a file that is no database is refused", () => {
    writeFileSync(file(), "just some text, long enough to be taken for a header".repeat(100));
    expect(errorOf().message).toMatch(
      /cannot open .*sluice\.db: file is not a database\. It may be damaged or no database/,
    );
  });

  it("that is a file is refused", () => {
    const path = join(dataDir, "file");
    writeFileSync(path, "");
    expect(errorOf(path).message).toContain(`cannot use ${path} as data directory`);
  });

  it("whose lock cannot be used is refused for that, and not as in use", () => {
    writeFileSync(join(dataDir, "sluice.lock"), "no database at all".repeat(100));
    expect(errorOf().message).toMatch(/cannot lock .*: file is not a database/);
  });

  it("can be used again after it was refused", () => {
    writeFileSync(file(), "no database".repeat(100));
    errorOf();
    rmSync(file());
    openDatabase({ dataDir }).close();
  });

  it("is refused a second time in one process", () => {
    const first = openDatabase({ dataDir });
    expect(errorOf().message).toContain("is in use by another Sluice process");
    first.close();
    openDatabase({ dataDir }).close();
  });

  it("of a running process is refused, and free as soon as that one is killed", async () => {
    const child = holder();
    const gone = once(child, "exit");
    try {
      await once(child.stdout ?? child, "data");
      expect(errorOf().message).toBe(
        `${dataDir} is in use by another Sluice process. Stop that one, or give this one another directory with --data`,
      );
    } finally {
      child.kill("SIGKILL");
      await gone;
    }
    openDatabase({ dataDir }).close();
  });
});

/** A process that has the directory open until it is killed. */
function holder(): ChildProcess {
  const module = join(import.meta.dirname, "../../../src/engines/embedded/database.ts");
  const code = `const { openDatabase } = await import(${JSON.stringify(module)});
    globalThis.open = openDatabase({ dataDir: ${JSON.stringify(dataDir)} });
    process.stdout.write("open");
    setInterval(() => {}, 1_000);`;
  return spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
}
