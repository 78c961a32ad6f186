import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";

const REPOSITORY = resolve(import.meta.dirname, "../..");
const EXAMPLE = join(REPOSITORY, "examples/embed");
/** What a person who tried it out may have left there. */
const MADE_THERE = /^(node_modules|cdk\.out|package-lock\.json|outputs.*\.json|.*\.tgz)$/;

/** Packs the package, which builds it, into a folder. Returns the tarball's file name. */
export function packInto(folder: string): string {
  const packed = ["pack", "--pack-destination", folder, "--loglevel", "error"];
  const said = execFileSync("npm", packed, { cwd: REPOSITORY, encoding: "utf8" });
  return said.trim().split("\n").at(-1) ?? "";
}

/** Copies `examples/embed` into a folder, which is made: what its README calls a start. */
export function copyExample(folder: string): void {
  const isMade = (path: string): boolean => MADE_THERE.test(path.slice(EXAMPLE.length + 1));
  cpSync(EXAMPLE, folder, { recursive: true, filter: (path) => !isMade(path) });
}

/** What `npm install` is told everywhere here: npm's cache before the registry, and no talk. */
export const INSTALL = ["install", "--prefer-offline", "--no-audit", "--no-fund"];
