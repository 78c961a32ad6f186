import { execFile } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/**
 * The import rules are in biome.json and nowhere else. Here a house of small files that keep and break them is built
 * in a temporary folder and given to the real linter with the real configuration.
 */
const IMPORTS = "lint/style/noRestrictedImports";
const GLOBALS = "lint/style/noRestrictedGlobals";
const CYCLES = "lint/suspicious/noImportCycles";

/** One line of code that a file of this folder must not hold, and the rule that says so. */
const forbidden: readonly (readonly [file: string, line: string, rule: string])[] = [
  ["src/contract/x.ts", 'import "../core/state.ts";', IMPORTS],
  ["src/contract/x.ts", 'import "lru-cache";', IMPORTS],
  ["src/contract/x.ts", 'import "node:crypto";', IMPORTS],
  ["src/core/x.ts", 'import "../engines/embedded/database.ts";', IMPORTS],
  ["src/core/x.ts", 'import type { Runtime } from "../host/host.ts";', IMPORTS],
  ["src/core/x.ts", 'export * from "../models/model-name.ts";', IMPORTS],
  ["src/core/x.ts", 'export const later = () => import("../engines/embedded/database.ts");', IMPORTS],
  ["src/core/x.ts", 'import "../contract/../engines/embedded/database.ts";', IMPORTS],
  ["src/core/x.ts", 'import "./../engines/embedded/database.ts";', IMPORTS],
  ["src/core/x.ts", 'import "../../lambdas/submit/submit.ts";', IMPORTS],
  ["src/core/x.ts", 'import "../index.ts";', IMPORTS],
  ["src/core/x.ts", 'import "node:fs";', IMPORTS],
  ["src/core/x.ts", 'import "node:fs/promises";', IMPORTS],
  ["src/core/x.ts", 'import "node:process";', IMPORTS],
  ["src/core/x.ts", 'import "@aws-sdk/client-dynamodb";', IMPORTS],
  ["src/core/x.ts", 'import "@aws-lambda-powertools/logger";', IMPORTS],
  ["src/core/x.ts", "export const region = process.env.AWS_REGION;", "lint/style/noProcessEnv"],
  ["src/core/x.ts", "export const { argv } = process;", GLOBALS],
  ["src/core/x.ts", "setTimeout(() => {}, 1);", GLOBALS],
  ["src/core/x.ts", "export const nowMs = Date.now();", "plugin"],
  ["src/core/x.ts", "export const now = new Date();", "plugin"],
  ["src/core/x.ts", "export const jitter = Math.random();", "plugin"],
  ["src/core/advance.ts", "export const region = process.env.AWS_REGION;", "lint/style/noProcessEnv"],
  ["src/engines/embedded/x.ts", 'import "../../host/host.ts";', IMPORTS],
  ["src/engines/embedded/x.ts", 'import "../../../lambdas/submit/submit.ts";', IMPORTS],
  ["src/engines/embedded/x.ts", 'import "../../models/model-name.ts";', IMPORTS],
  ["src/engines/embedded/x.ts", 'import "../aws/dynamodb-event-log.ts";', IMPORTS],
  ["src/corpus/x.ts", 'import "../engines/embedded/database.ts";', IMPORTS],
  ["src/corpus/x.ts", 'import "../models/sentences.ts";', IMPORTS],
  ["src/tools/x.ts", 'import "../models/sentences.ts";', IMPORTS],
  ["src/models/x.ts", 'import "../corpus/fts-corpus.ts";', IMPORTS],
  ["src/models/x.ts", 'import "../capabilities/tool.ts";', IMPORTS],
  ["src/capabilities/x.ts", 'import "../corpus/fts-corpus.ts";', IMPORTS],
  ["src/capabilities/x.ts", 'import "../engines/embedded/database.ts";', IMPORTS],
  ["src/testing/contracts/x.ts", 'import "../../engines/embedded/database.ts";', IMPORTS],
  ["src/index.ts", 'import "./host/host.ts";', IMPORTS],
  ["src/index.ts", 'import "./engines/embedded/embedded-engine.ts";', IMPORTS],
  ["src/host/x.ts", 'import "../../app/sluice.ts";', IMPORTS],
  ["src/host/x.ts", 'import "../../test/unit/x.ts";', IMPORTS],
  ["lambdas/submit/x.ts", 'import "../../src/engines/embedded/embedded-engine.ts";', IMPORTS],
  ["lambdas/submit/x.ts", 'import "../../src/host/host.ts";', IMPORTS],
  ["lambdas/x.ts", 'import "../src/capabilities/tool.ts";', IMPORTS],
  ["lambdas/submit/x.ts", 'import "../../app/sluice.ts";', IMPORTS],
  ["lambdas/submit/submit.ts", 'import "../../src/engines/aws/aws-engine.ts";', IMPORTS],
  ["lambdas/submit/handler.ts", 'import "../../src/engines/embedded/embedded-engine.ts";', IMPORTS],
  ["lib/x.ts", 'import "../lambdas/submit/handler.ts";', IMPORTS],
  ["lib/x.ts", 'import "../src/engines/aws/aws-engine.ts";', IMPORTS],
  ["lib/x.ts", 'import "../src/host/host.ts";', IMPORTS],
  ["lib/bundling/x.ts", 'import "../../app/sluice.ts";', IMPORTS],
  ["tools/x.ts", 'import "sluice";', IMPORTS],
  ["src/telemetry/x.ts", 'import "sluice/cdk";', IMPORTS],
  ["app/x.ts", 'import "../src/core/define-app.ts";', IMPORTS],
  ["app/x.ts", 'import "sluice";', IMPORTS],
  ["app/workflows/x.ts", 'import "../../lib/index.ts";', IMPORTS],
  ["app/workflows/x.ts", 'import "../../src/core/define-workflow.ts";', IMPORTS],
  ["app/workflows/x.ts", 'import "../../src/testing/index.ts";', IMPORTS],
  ["app/workflows/x.ts", 'import "../../lambdas/submit/submit.ts";', IMPORTS],
];

const allowed: readonly (readonly [file: string, line: string])[] = [
  ["src/contract/x.ts", 'import "./ids.ts";'],
  ["src/contract/x.ts", 'import "zod";'],
  ["src/core/x.ts", 'import "./state.ts";'],
  ["src/core/x.ts", 'import "../contract/ids.ts";'],
  ["src/core/x.ts", 'import "lru-cache";'],
  ["src/core/x.ts", 'import "node:util";'],
  ["src/core/x.ts", "export const at = (epochMs: number) => new Date(epochMs);"],
  ["src/core/advance.ts", "process.nextTick(() => {});"],
  ["src/engines/embedded/x.ts", 'import "../../core/ports.ts";'],
  ["src/engines/embedded/x.ts", 'import "node:sqlite";'],
  ["src/models/x.ts", 'import "../corpus/words.ts";'],
  ["src/capabilities/x.ts", 'import "../models/load-model.ts";'],
  ["src/host/x.ts", 'import "../../lambdas/submit/create-handler.ts";'],
  ["src/host/x.ts", 'import "../engines/embedded/embedded-engine.ts";'],
  ["lambdas/submit/x.ts", 'import "../http-handler.ts";'],
  ["lambdas/submit/x.ts", 'import "../../src/core/runtime.ts";'],
  ["lambdas/submit/handler.ts", 'import "../../src/engines/aws/aws-engine.ts";'],
  ["lib/x.ts", 'import "../src/contract/routes.ts";'],
  ["lib/bundling/x.ts", 'import "../../src/engines/aws/environment.ts";'],
  ["app/x.ts", 'import "../src/index.ts";'],
  ["app/workflows/x.ts", 'import "../capabilities/x.ts";'],
];

/** Rules about who may import whom. Anything else that the linter says of such a line does not matter here. */
const HOUSE_RULES = [IMPORTS, GLOBALS, CYCLES, "lint/style/noProcessEnv", "plugin"];
const root = resolve(import.meta.dirname, "../../..");
let house: string;
let findings: ReadonlyMap<string, readonly string[]>;

/** Each line gets a folder of its own, so that one file never holds two of them. */
const placeOf = (kind: string, index: number, file: string): string => join(`${kind}-${index}`, file);

beforeAll(async () => {
  house = mkdtempSync(join(tmpdir(), "sluice-house-"));
  copyFileSync(join(root, "package.json"), join(house, "package.json"));
  symlinkSync(join(root, "node_modules"), join(house, "node_modules"));
  cpSync(join(root, ".biome"), join(house, ".biome"), { recursive: true });
  // The rules as they are, their folders looked for below each case's folder.
  const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
  for (const override of config.overrides) override.includes = override.includes.map((glob: string) => `*/${glob}`);
  writeFileSync(join(house, "biome.json"), JSON.stringify({ ...config, vcs: { enabled: false } }));
  for (const [index, [file, line]] of forbidden.entries()) put(placeOf("forbidden", index, file), line);
  for (const [index, [file, line]] of allowed.entries()) put(placeOf("allowed", index, file), line);
  put("cycle/src/core/a.ts", 'import { b } from "./b.ts";\nexport const a = (): unknown => b;');
  put("cycle/src/core/b.ts", 'import { a } from "./a.ts";\nexport const b = (): unknown => a;');
  put("cycle/src/core/c.ts", 'import type { D } from "./d.ts";\nexport type C = { d: D };');
  put("cycle/src/core/d.ts", 'import type { C } from "./c.ts";\nexport type D = { c: C };');
  findings = await lint(house);
});

afterAll(() => rmSync(house, { recursive: true, force: true }));

describe("the linter refuses", () => {
  test.each(forbidden.map((rule, index) => [index, ...rule] as const))("%i: %s with %s", (index, file, _line, rule) => {
    expect(findings.get(placeOf("forbidden", index, file))).toContain(rule);
  });

  test.each(["a", "b", "c", "d"])("cycles, also of types alone: %s.ts", (name) => {
    expect(findings.get(`cycle/src/core/${name}.ts`)).toContain(CYCLES);
  });
});

describe("the linter lets pass", () => {
  test.each(allowed.map((rule, index) => [index, ...rule] as const))("%i: %s with %s", (index, file) => {
    expect(findings.get(placeOf("allowed", index, file)) ?? []).toEqual([]);
  });
});

test("no file gets around the rules by `import(…)` as a type or by `require`, which the linter does not look at", () => {
  const hidden = ["src", "lambdas", "app"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((f) => join(folder, f)),
    )
    .filter((file) => file.endsWith(".ts") && !file.startsWith(join("src", "testing")))
    .filter((file) =>
      /\bimport\("[^"]*"\)\s*\.\s*[A-Z]|typeof import\(|\brequire\("\.|createRequire\([^)]*\)\("\./.test(read(file)),
    );
  expect(hidden).toEqual([]);
});

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string };
}

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const diagnosticsOf = (stdout: string): Diagnostic[] => JSON.parse(stdout).diagnostics;

function put(file: string, text: string): void {
  mkdirSync(dirname(join(house, file)), { recursive: true });
  writeFileSync(join(house, file), `${text}\nexport {};\n`);
}

async function lint(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout } = await biome(["lint", "--reporter=json", "--max-diagnostics=none", "."], folder);
  const found = new Map<string, string[]>();
  for (const { category, location } of diagnosticsOf(stdout)) {
    if (!HOUSE_RULES.includes(category)) continue;
    const path = location.path.replaceAll("\\", "/");
    found.set(path, [...(found.get(path) ?? []), category]);
  }
  return found;
}

/** The linter ends with 1 when it finds something, which is no failure here. */
async function biome(args: readonly string[], cwd: string): Promise<{ stdout: string }> {
  const script = join(root, "node_modules/@biomejs/biome/bin/biome");
  const options = { cwd, maxBuffer: 64 * 1024 * 1024 };
  try {
    return await promisify(execFile)(process.execPath, [script, ...args], options);
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    if (stdout.startsWith("{")) return { stdout };
    throw new Error(`the linter did not run: ${stderr}`, { cause: error });
  }
}
