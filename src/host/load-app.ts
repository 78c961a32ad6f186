import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { APP_KIND, type App } from "../core/define-app.ts";
import { StartError } from "./options.ts";

/** Imports an app module. Throws {@link StartError} when there is none, it throws, or exports something else. */
export async function loadApp(file: string): Promise<App> {
  const path = resolve(file);
  if (!existsSync(path)) throw new StartError(`--app ${file}: there is no such file (${path})`);
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    throw new StartError(`--app ${file} does not load: ${name}: ${message}`, { cause: error });
  }
  if (!isApp(module.default)) {
    throw new StartError(
      `--app ${file}: its default export must be made by defineApp({ workflows, capabilities }); got ${kindOf(module.default)}`,
    );
  }
  return module.default;
}

const isApp = (value: unknown): value is App =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === APP_KIND;

function kindOf(value: unknown): string {
  if (value === undefined) return "no default export";
  return value === null ? "null" : `a value of type ${typeof value}`;
}
