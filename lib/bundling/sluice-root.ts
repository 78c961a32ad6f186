import { extname, join } from "node:path";

/** Where this package's code is: the repository, or `dist` of the published package. */
export const SLUICE_ROOT = join(import.meta.dirname, "../..");

/** A module of ours, whichever form this package is in. @param path below {@link SLUICE_ROOT}, without its extension */
export const sluiceModule = (path: string): string => join(SLUICE_ROOT, path + extname(import.meta.filename));
