import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** Workflows of GitHub run with rights that our tests do not have, so what they call and may is looked at here. */
const ROOT = resolve(import.meta.dirname, "../../..");
const FOLDER = join(ROOT, ".github/workflows");
const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };
const workflows = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(join(FOLDER, name), "utf8") }));

/** What is wrong with a workflow, a line each. */
function faultsOf(text: string): string[] {
  const lines = text.split("\n");
  const loose = lines.filter((line) => /^\s*(- )?uses:/.test(line) && !/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line));
  // npm test and npm start have short names; npm ci, npm pack and others are npm's own.
  const called = [...text.matchAll(/\bnpm (?:run(?: --?[a-z-]+)* )([\w:-]+)/g)].map(([, name = ""]) => name);
  const checkouts = text.split(/^ +- /m).filter((step) => step.includes("actions/checkout@"));
  return [
    ...loose.map((line) => `not pinned to a commit, with its version: ${line.trim()}`),
    ...called.filter((name) => !Object.hasOwn(scripts, name)).map((name) => `package.json has no script ${name}`),
    ...(/^permissions:/m.test(text) ? [] : ["it does not say what it may"]),
    ...(/permissions: *(write-all|read-all)/.test(text) ? ["it may more than it says"] : []),
    ...(/^ {2}pull_request_target:/m.test(text) ? ["code of forks would run with our rights"] : []),
    ...(checkouts.every((step) => step.includes("persist-credentials: false"))
      ? []
      : ["a checkout leaves its token to what runs afterwards"]),
    ...scriptsOf(lines)
      .filter((line) => line.includes("${{"))
      .map((line) => `a script takes an expression as code, not as a variable: ${line.trim()}`),
  ];
}

/** The lines of all `run:`, in a line or in a block. */
function scriptsOf(lines: readonly string[]): string[] {
  const found: string[] = [];
  let block: number | undefined;
  for (const line of lines) {
    const indent = line.search(/\S/);
    if (block !== undefined && (indent > block || indent === -1)) {
      found.push(line);
      continue;
    }
    block = undefined;
    const [, dash = "", , rest = ""] = /^(\s*(- )?)run:(.*)$/.exec(line) ?? [];
    if (dash === "" && rest === "") continue;
    if (rest.trim().startsWith("|")) block = dash.length;
    else found.push(line);
  }
  return found;
}

test.each(workflows)("$name pins what it uses, calls what is there, and says what it may", ({ text }) => {
  expect(faultsOf(text)).toEqual([]);
});

describe("a fault is found:", () => {
  const good = workflows.find(({ name }) => name === "deploy.yml")?.text ?? "";
  const faults: readonly (readonly [what: string, from: string | RegExp, to: string, found: string])[] = [
    ["an action by its tag", /@[0-9a-f]{40} # v5\.0\.0/, "@v5", "not pinned"],
    ["a commit without its version", / # v5\.0\.0/, "", "not pinned"],
    ["a script that is not there", "npm run smoke", "npm run smoked", "no script smoked"],
    ["no permissions", /^permissions: .*\n/m, "", "does not say"],
    ["a token that stays", "persist-credentials: false", "fetch-depth: 1", "leaves its token"],
    ["code of forks with our rights", "pull_request:", "pull_request_target:", "code of forks"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's
    ["an input as code", '"stage=$STAGE" --yes', '"stage=${{ inputs.stage }}" --yes', "takes an expression"],
  ];
  test.each(faults)("%s", (_, from, to, found) => {
    const bad = good.replace(from, to);
    expect(bad).not.toBe(good);
    expect(faultsOf(bad).join("\n")).toContain(found);
  });
});

test("a deployment is never given up half-way, and goes back to what passed when it began", () => {
  const text = workflows.find(({ name }) => name === "deploy.yml")?.text ?? "";
  expect(text).toContain("cancel-in-progress: false");
  const [before = "", after = ""] = text.split("- name: Deploy\n");
  expect(before).toContain("id: last");
  expect(
    after.match(/if: failure\(\) && steps\.smoke\.outcome == 'failure' && steps\.last\.outputs\.sha != ''/g),
  ).toHaveLength(2);
});
