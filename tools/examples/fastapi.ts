import { join, resolve } from "node:path";
import { ensureVenv } from "../python-venv.ts";
import type { Command } from "./example-process.ts";
import type { Example, Step } from "./stand.ts";

const FOLDER = resolve(import.meta.dirname, "../../examples/fastapi");
const MODULES: Readonly<Record<Step, string>> = { 0: "step_0_synchronous", 1: "step_1_wait", 2: "step_2_stream" };

/** `examples/fastapi` with a Python of its own. Throws, saying what to install, where there is none. */
export async function fastapi(): Promise<Example & { readonly python: string }> {
  const { python } = await ensureVenv({ name: "fastapi-example", requirementsFile: join(FOLDER, "requirements.txt") });
  const uvicorn = (module: string, port: number): Command => ({
    argv: [python, "-m", "uvicorn", `${module}:app`, "--port", String(port), "--no-access-log"],
    cwd: FOLDER,
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
  return {
    service: (step, port) => uvicorn(MODULES[step], port),
    steps: (port) => uvicorn("steps", port),
    app: "examples/fastapi/sluice/sluice.ts",
    python,
  };
}
