import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type App, appOf } from "../core/define-app.ts";
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
  try {
    return appOf(module);
  } catch (error) {
    throw new StartError(`--app ${file}: ${(error as Error).message}`, { cause: error });
  }
}
