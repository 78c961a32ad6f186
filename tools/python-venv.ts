import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findPython } from "./find-python.ts";

export interface VenvOptions {
  /** What is installed, as people call it. */
  readonly name: string;
  /** Of pip, with every package's version and the hash of each of its files. */
  readonly requirementsFile: string;
  /** Where environments are kept. @default `node_modules/.cache/sluice-python` */
  readonly cacheDir?: string;
  /** Interpreters to try, by name or path. @default those that are commonly on the PATH */
  readonly pythons?: readonly string[];
}

export interface Venv {
  /** The path of its interpreter. */
  readonly python: string;
  /** The path of a program that a package brought. Throws where there is none. */
  bin(name: string): string;
}

const run = promisify(execFile);
const CACHE_DIR = join(import.meta.dirname, "../node_modules/.cache/sluice-python");
const MAX_OUTPUT_BYTES = 16 * 1_024 * 1_024;

/**
 * A Python environment of our own with exactly what a file says: the one that is there already, or else one that is made
 * now, which takes some seconds and the package index. Nothing is built on this machine, and nothing outside of the
 * cache is touched. May be called by several processes at once.
 *
 * Throws, saying what to install, where Python is missing, too old, or without `venv`.
 */
export async function ensureVenv(options: VenvOptions): Promise<Venv> {
  const { name, requirementsFile, pythons } = options;
  mkdirSync(options.cacheDir ?? CACHE_DIR, { recursive: true });
  const cacheDir = realpathSync(options.cacheDir ?? CACHE_DIR);
  // The place is part of it: programs in an environment have its path inside.
  const digest = createHash("sha256")
    .update(readFileSync(requirementsFile))
    .update(cacheDir)
    .digest("hex")
    .slice(0, 16);
  const link = join(cacheDir, `${name}-${digest}`);
  const there = finished(link);
  if (there !== undefined && (await answers(there))) return venvAt(there);
  const python = await findPython(name, pythons);
  const made = mkdtempSync(`${link}-`);
  try {
    console.error(`installing ${name} for Python into ${made}`);
    await run(python, ["-I", "-m", "venv", made]);
    await install(made, requirementsFile);
    return venvAt(publish(made, link, there));
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new Error(`${name} could not be installed from ${requirementsFile} with ${python}:\n${said}`, {
      cause: error,
    });
  }
}

async function install(dir: string, requirementsFile: string): Promise<void> {
  const pinned = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", requirementsFile];
  await run(pythonOf(dir), ["-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...pinned], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
}

/**
 * An environment cannot be moved when it is finished, for the same reason: a link to it appears then.
 * Returns the environment that the link names, which is another's where that was faster.
 */
function publish(made: string, link: string, broken: string | undefined): string {
  if (broken !== undefined && finished(link) === broken) {
    rmSync(link, { force: true });
    rmSync(broken, { recursive: true, force: true });
  }
  try {
    symlinkSync(basename(made), link);
    return made;
  } catch (error) {
    const other = finished(link);
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || other === undefined) throw error;
    rmSync(made, { recursive: true, force: true });
    return other;
  }
}

/** The environment that a link names; undefined where there is no link. */
function finished(link: string): string | undefined {
  try {
    return resolve(link, "..", readlinkSync(link));
  } catch {
    return undefined;
  }
}

/** False where it was removed, or the Python that it was made with. */
async function answers(dir: string): Promise<boolean> {
  return run(pythonOf(dir), ["-I", "-c", "import pip"]).then(
    () => true,
    () => false,
  );
}

const pythonOf = (dir: string): string => join(dir, "bin", "python");

const venvAt = (dir: string): Venv => ({
  python: pythonOf(dir),
  bin(name) {
    const path = join(dir, "bin", name);
    if (existsSync(path)) return path;
    throw new RangeError(`no package in ${dir} brings a program "${name}"`);
  },
});
