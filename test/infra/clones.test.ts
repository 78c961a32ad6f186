import { execFile, execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { SCRATCH } from "./scratch.ts";
import { ACCOUNT, REGION } from "./synthesize.ts";

const ROOT = join(import.meta.dirname, "../..");

/** What a commit holds, in a folder of its own. What comes from npm is where it was. */
function clone(name: string): string {
  const dir = join(SCRATCH, name);
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: ROOT, encoding: "utf8" });
  for (const file of files.split("\0").filter((each) => each !== "")) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    cpSync(join(ROOT, file), join(dir, file));
  }
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
  return dir;
}

/** Templates and lists of assets, by their names, as `npm run synth` makes them there. Assets are named by what is in them. */
async function synthesizeIn(dir: string): Promise<Record<string, string>> {
  const { context } = JSON.parse(readFileSync(join(dir, "cdk.json"), "utf8")) as { context: object };
  const CDK_OUTDIR = join(dir, "cdk.out");
  const credentials = { CDK_DEFAULT_ACCOUNT: ACCOUNT, CDK_DEFAULT_REGION: REGION };
  const env = { ...process.env, ...credentials, CDK_OUTDIR, CDK_CONTEXT_JSON: JSON.stringify(context) };
  await promisify(execFile)(process.execPath, ["bin/sluice.ts"], { cwd: dir, env });
  const deployed = readdirSync(CDK_OUTDIR).filter((file) => /\.(template|assets)\.json$/.test(file));
  return Object.fromEntries(deployed.map((file) => [file, readFileSync(join(CDK_OUTDIR, file), "utf8")]));
}

test("two clones of a commit are one deployment, whatever is changed that no function is made of", async () => {
  const [one, other] = [clone("one"), clone("another-place")];
  appendFileSync(join(other, "README.md"), "\nOne more line.\n");
  appendFileSync(join(other, "tools/invoke.ts"), "\n// One more line.\n");
  writeFileSync(join(other, "app/notes.ts"), "export const later = 1;\n");
  const [first, second] = await Promise.all([synthesizeIn(one), synthesizeIn(other)]);
  expect(Object.keys(first)).toHaveLength(4);
  expect(second).toEqual(first);
});
