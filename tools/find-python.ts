import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { UsageError } from "./read-outputs.ts";

/** The oldest that has what `tools/python/*.txt` pin. */
export const MIN_PYTHON = [3, 10] as const;
const CANDIDATES = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
/** A module that is missing is not an error here: what it says tells what to install. */
const PROBE = `
import importlib.util, json, sys
missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
print(json.dumps({"version": list(sys.version_info[:3]), "executable": sys.executable, "missing": missing}))`;

interface Answer {
  readonly version: readonly [number, number, number];
  readonly executable: string;
  readonly missing: readonly string[];
}

const run = promisify(execFile);

/**
 * The path of a Python that can make environments. Throws {@link UsageError}, with what is wrong with each that was found and what to
 * install, where there is none.
 */
export async function findPython(what: string, candidates: readonly string[] = CANDIDATES): Promise<string> {
  const problems: string[] = [];
  for (const candidate of candidates) {
    const answer = await ask(candidate);
    if (answer === undefined) continue;
    const problem = problemOf(answer);
    if (problem === undefined) return answer.executable;
    problems.push(`${candidate} is ${problem}`);
  }
  const found = problems.length > 0 ? problems.join("; ") : `none of ${candidates.join(", ")} runs`;
  throw new UsageError(
    `${what} needs Python ${MIN_PYTHON.join(".")} or later, with venv: ${found}. Install python3 and python3-venv (apt), ` +
      "python3 (dnf, which has venv) or python (brew), and have it on the PATH.",
  );
}

/** Undefined where nothing of that name runs. A version manager's stand-in for a Python that is not in use does not. */
async function ask(python: string): Promise<Answer | undefined> {
  try {
    const { stdout } = await run(python, ["-I", "-c", PROBE]);
    return JSON.parse(stdout) as Answer;
  } catch {
    return undefined;
  }
}

function problemOf({ version, missing }: Answer): string | undefined {
  const [major, minor] = version;
  if (major < MIN_PYTHON[0] || (major === MIN_PYTHON[0] && minor < MIN_PYTHON[1])) return version.join(".");
  return missing.length > 0 ? `${version.join(".")} without ${missing.join(" and ")}` : undefined;
}
