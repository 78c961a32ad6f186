import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const read = (file: string): Manifest => JSON.parse(readFileSync(join(ROOT, file), "utf8")) as Manifest;

test.each(globSync("examples/**/package.json", { cwd: ROOT, exclude: ["**/node_modules"] }))(
  "%s has the versions that the project is tested with, and this version's tarball",
  (file) => {
    const ours = read("package.json");
    const { dependencies, devDependencies } = read(file);
    const { sluice, ...theirs } = { ...dependencies, ...devDependencies };
    const tested: Readonly<Record<string, string>> = { ...ours.dependencies, ...ours.devDependencies };
    expect(sluice).toBe(`file:sluice-${ours.version}.tgz`);
    expect(theirs).toEqual(Object.fromEntries(Object.keys(theirs).map((name) => [name, tested[name]])));
  },
);
