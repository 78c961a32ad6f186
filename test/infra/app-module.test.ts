import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeApp } from "../../lib/bundling/describe-app.ts";
import { SynthError } from "../../lib/synth-error.ts";
import { appFolder, appSource, writeApp } from "./app-files.ts";

/** An app with something at import that its first line says, on line 1, before it is defined. */
const with1stLine = (line: string): string => `${line}\n${appSource({})}`;

function refusalOf(path: string): string {
  try {
    describeApp(path);
  } catch (error) {
    expect(error).toBeInstanceOf(SynthError);
    const { message } = error as Error;
    expect(message).toContain(path);
    return message;
  }
  throw new Error(`${path} was taken for an app`);
}

test("an app is described by what its definitions say", () => {
  const big = {
    name: "big",
    timeoutMs: 90_000,
    memoryMb: 2_048,
    concurrency: 7,
    batchSize: 1,
    usesModel: true,
    secrets: ["KEY"],
    permissions: [{ actions: ["s3:ListBucket"], resources: ["arn:aws:s3:::mine"] }],
  };
  const options = { model: "bedrock:amazon.nova-lite-v1:0", models: [], deadlineMs: 60_000, retentionMs: 120_000 };
  const source = appSource({ capabilities: { big }, workflows: ["one", "two"], options });
  expect(describeApp(writeApp(source))).toEqual({
    workflows: [{ name: "one" }, { name: "two" }],
    capabilities: [big],
    tenantLimits: {},
    ...options,
  });
});

describe("an app module that cannot be used", () => {
  test("is refused when its path is relative", () => {
    expect(refusalOf("app/sluice.ts")).toContain("must be an absolute path");
  });

  test("is refused when it is missing", () => {
    expect(refusalOf(join(appFolder(), "nowhere.ts"))).toContain("there is no such file");
  });

  test("is refused when it is a folder", () => {
    expect(refusalOf(appFolder())).toContain("must be a file; got a folder");
  });

  test("is refused with file and line when it does not parse", () => {
    const path = writeApp("export default {\n  workflows: [,\n");
    expect(refusalOf(path)).toMatch(/sluice\.ts:3:0/);
  });

  test("is refused with file and line when it imports what is not there", () => {
    const message = refusalOf(writeApp('import "./nothing.ts";\nexport default 1;\n'));
    expect(message).toMatch(/sluice\.ts:1:7/);
    expect(message).toContain("./nothing.ts");
  });

  test("is refused with the error and its place when it throws", () => {
    const message = refusalOf(writeApp('// first\nthrow new RangeError("out of everything");\n'));
    expect(message).toContain("RangeError: out of everything");
    expect(message).toMatch(/at .*sluice\.ts:2:/);
  });

  test("is refused with the place when a file that it imports throws", () => {
    const dir = appFolder();
    writeApp('export const limit = 1;\nthrow new Error("bad limit");\n', dir, "limits.ts");
    const message = refusalOf(
      writeApp(`import { limit } from "./limits.ts";\n${appSource({})}console.log(limit);\n`, dir),
    );
    expect(message).toMatch(/at .*limits\.ts:2:/);
  });

  test("is refused with the place also in folders that are called like ours, or have a space in their name", () => {
    const dir = appFolder();
    for (const folder of ["src/core", "my own"]) mkdirSync(join(dir, folder), { recursive: true });
    const place = (path: string): string => /at (.*):\d+$/.exec(refusalOf(path))?.[1] ?? "";
    for (const folder of ["src/core", "my own"]) {
      const path = writeApp('// first\nthrow new Error("bad");\n', join(dir, folder));
      expect(place(path)).toBe(`${path}:2`);
    }
  });

  test("is refused when its import does not end", () => {
    expect(refusalOf(writeApp(with1stLine("await new Promise(() => {});")))).toContain("its import does not end");
  });

  test.each([
    ["no default export", "export const app = 1;\n", "got no default export"],
    ["another default export", "export default { workflows: [] };\n", "got a value of type object"],
    ["no workflow", appSource({ workflows: [] }), "an app needs at least one workflow; got none"],
    ["a capability out of range", appSource({ capabilities: { slow: { timeoutMs: 1 } } }), "capability slow"],
    ["two of a name", appSource({ capabilities: { main: {} } }), '"main" names a workflow and a capability'],
  ])("is refused when it has %s", (_, source, reason) => {
    expect(refusalOf(writeApp(source))).toContain(reason);
  });
});

describe("an app module that does something when it is imported is refused with what it did and where", () => {
  test.each([
    ["reads the environment", "const region = process.env.MY_REGION;", "reads the environment variable MY_REGION"],
    ["looks for a variable", 'const given = "MY_KEY" in process.env;', "reads the environment variable MY_KEY"],
    ["copies the environment", "const all = { ...process.env };", "reads the environment"],
    [
      "reads the environment by an import",
      'import { env } from "node:process"; const region = env.MY_REGION;',
      "reads the environment variable MY_REGION",
    ],
    ["fetches", 'const page = await fetch("http://127.0.0.1:9/");', "opens a connection"],
    ["connects", 'import net from "node:net"; net.connect(9, "127.0.0.1");', "opens a connection"],
    ["listens", 'import { createServer } from "node:http"; createServer().listen(0);', "opens a port"],
    ["binds a socket", 'import dgram from "node:dgram"; dgram.createSocket("udp4").bind(0);', "opens a port"],
    ["looks up a name", 'import { lookup } from "node:dns"; lookup("localhost", () => {});', "looks up a name"],
    [
      "looks up a name and awaits it",
      'import { lookup } from "node:dns/promises"; await lookup("localhost");',
      "looks up a name",
    ],
    ["writes a file", 'import fs from "node:fs"; fs.writeFileSync("/tmp/sluice-side-effect", "");', "writes files"],
    ["starts a process", 'import { execSync } from "node:child_process"; execSync("true");', "starts processes"],
  ])("%s", (_, line, effect) => {
    const message = refusalOf(writeApp(with1stLine(line)));
    expect(message).toContain("has side effects");
    expect(message).toContain(effect);
    expect(message).toMatch(/at .*sluice\.ts:1:/);
  });

  test("also when it catches what that throws", () => {
    const line = "try { process.env.MY_REGION } catch {}";
    expect(refusalOf(writeApp(with1stLine(line)))).toContain("reads the environment variable MY_REGION");
  });

  test("leaves a timer running, whose place nobody knows", () => {
    const message = refusalOf(writeApp(with1stLine("setInterval(() => {}, 1_000);")));
    expect(message).toContain("leaves something running (Timeout)");
  });
});

describe("an app module may, when it is imported,", () => {
  test.each([
    ["print", 'console.log("here I am"); console.error("and here"); process.stdout.write("too");'],
    ["know where it is", "const here = import.meta.dirname; const cwd = process.cwd();"],
    ["read its own files", 'import fs from "node:fs"; const text = fs.readFileSync(import.meta.filename, "utf8");'],
    ["wait for a moment", "await new Promise((resolve) => setTimeout(resolve, 1));"],
    ["read the environment in a function that is not called", "export const later = () => process.env.MY_REGION;"],
  ])("%s", (_, line) => {
    expect(describeApp(writeApp(with1stLine(line))).workflows).toEqual([{ name: "main" }]);
  });

  test("import a package that looks at NODE_ENV", () => {
    const dir = appFolder();
    const folder = join(dir, "vendor/node_modules/polite");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "index.js"), "export const dev = process.env.NODE_ENV !== 'production';\n");
    const path = writeApp(with1stLine('import "./vendor/node_modules/polite/index.js";'), dir);
    expect(describeApp(path).workflows).toEqual([{ name: "main" }]);
  });

  test("import a CommonJS package that asks where it is, and be CommonJS-minded itself", () => {
    const dir = appFolder();
    writeApp("exports.name = require('node:path').basename(__filename) + __dirname.length;\n", dir, "old.cjs");
    const own = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
    const line = `${own} const __dirname = import.meta.dirname; import old from "./old.cjs"; if (!old.name || !__dirname || !require("node:fs")) throw 1;`;
    expect(describeApp(writeApp(with1stLine(line), dir)).workflows).toEqual([{ name: "main" }]);
  });
});
