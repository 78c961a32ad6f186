import { execFile } from "node:child_process";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const MODULES = resolve("node_modules");
const TSC = join(MODULES, ".bin/tsc");
let folder: string;
let installed: string;

/** What a project has after `npm install sluice-client`, built from here, with the packages that it depends on. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-client-"));
  installed = join(folder, "node_modules/sluice-client");
  mkdirSync(installed, { recursive: true });
  for (const each of ["package.json", "bin"]) cpSync(join("client", each), join(installed, each), { recursive: true });
  await run(TSC, ["-p", "client", "--outDir", join(installed, "dist")]);
  for (const name of [
    "zod",
    "eventsource-parser",
    "standardwebhooks",
    "@stablelib",
    "fast-sha256",
    "@types/node",
    "undici-types",
  ]) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(MODULES, name), join(folder, "node_modules", name));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const USER = `
import { type JobView, SluiceClient } from "sluice-client";
import { verifyWebhook } from "sluice-client/webhooks";
import { z } from "zod";
const digest = {
  name: "digest" as const,
  input: z.object({ text: z.string(), limit: z.number().default(1) }),
  output: z.object({ summary: z.string() }),
};
const client = new SluiceClient({ url: "http://127.0.0.1:8787" });
const job = await client.submit<typeof digest>("digest", { text: "…" });
const summary: string = (await job.result()).summary;
const view: JobView = await client.get("job_x");
for await (const event of job.events()) if (event.type === "step.progress") console.log(event.offset.toFixed());
// @ts-expect-error no such workflow
await client.submit<typeof digest>("other", { text: "…" });
// @ts-expect-error the text is missing
await client.submit<typeof digest>("digest", {});
// @ts-expect-error no such status
console.log(view.status === "done", summary, verifyWebhook("whsec_x", {}, ""));
`;

test("the built package has types, as strict as its user's", async () => {
  writeFileSync(join(folder, "user.ts"), USER);
  const options = ["--module", "nodenext", "--target", "es2022", "--strict", "--noEmit", "--types", "node"];
  await expect(run(TSC, [...options, "user.ts"], { cwd: folder })).resolves.toMatchObject({ stdout: "" });
});

test("what is built imports nothing at run time but what the package depends on", () => {
  const { dependencies } = JSON.parse(readFileSync("client/package.json", "utf8")) as { dependencies: object };
  const files = globSync("dist/client/**/*.js", { cwd: installed });
  const imported = files.flatMap((file) =>
    [...readFileSync(join(installed, file), "utf8").matchAll(/ from "([^".][^"]*)"/g)].map(([, name = ""]) => name),
  );
  const packages = imported.filter((name) => !name.startsWith("node:"));
  expect([...new Set(packages)].sort()).toEqual(Object.keys(dependencies).sort());
});

test("the tarball has the license, and a page about itself", async () => {
  const pack = ["pack", "--dry-run", "--json", "--ignore-scripts", "--offline"];
  const { stdout } = await run("npm", pack, { cwd: "client" });
  const [{ files }] = JSON.parse(stdout) as [{ files: readonly { readonly path: string }[] }];
  expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(["LICENSE", "README.md", "bin/sluice.js"]));
  expect(readFileSync("client/LICENSE", "utf8")).toBe(readFileSync("LICENSE", "utf8"));
});

test("the built command runs", async () => {
  const { stdout } = await run(process.execPath, [join(installed, "bin/sluice.js"), "--help"], { cwd: folder });
  expect(stdout).toMatch(/^Usage: npx sluice COMMAND/);
});
