import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isName, NAME_SHAPE } from "../src/core/define-capability.ts";

/**
 * `npm run new -- capability NAME` or `npm run new -- workflow NAME`: writes the file, its test, and its line in
 * `app/sluice.ts`. Writes nothing at all if something of that name is there.
 */
const USAGE = "Usage: npm run new -- capability NAME\n       npm run new -- workflow NAME";
const APP = "app/sluice.ts";
const FOLDERS = { capability: "capabilities", workflow: "workflows" } as const;
type Kind = keyof typeof FOLDERS;

function main([kind, name, ...rest]: readonly string[]): void {
  if ((kind !== "capability" && kind !== "workflow") || name === undefined || rest.length > 0) stop(USAGE);
  if (!isName(name)) stop(`a name must be ${NAME_SHAPE}; got ${JSON.stringify(name)}`);
  const file = `app/${FOLDERS[kind]}/${name}.ts`;
  const test = `test/app/${name}.test.ts`;
  for (const path of [file, test]) if (existsSync(path)) stop(`${path} is there already: nothing was written`);
  const symbol = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const app = withEntry(readFileSync(APP, "utf8"), kind, name, symbol);
  write(file, TEMPLATES[kind].file(name, symbol));
  write(test, TEMPLATES[kind].test(name, symbol));
  writeFileSync(APP, app);
  const formatted = spawnSync("npx", ["biome", "check", "--write", file, test, APP], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (formatted.status !== 0) stop("the files were written, but could not be formatted");
  console.log(`wrote ${file}\nwrote ${test}\nadded ${symbol} to ${APP}\nNext: edit ${file}, then npm test`);
}

/** The app module with an import and an entry in its list. */
function withEntry(source: string, kind: Kind, name: string, symbol: string): string {
  const list = new RegExp(`\\b${FOLDERS[kind]}: \\[([^\\]]*)\\]`);
  const match = list.exec(source);
  if (match === null) stop(`${APP} has no list "${FOLDERS[kind]}: […]" to add ${symbol} to; nothing was written`);
  if (new RegExp(`\\b${symbol}\\b`).test(source)) stop(`${APP} already uses the name ${symbol}; nothing was written`);
  const entries = [
    ...(match[1] ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter(Boolean),
    symbol,
  ];
  const listed = source.replace(list, `${FOLDERS[kind]}: [${entries.join(", ")}]`);
  return `import { ${symbol} } from "./${FOLDERS[kind]}/${name}.ts";\n${listed}`;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { flag: "wx" });
}

function stop(message: string): never {
  console.error(message);
  process.exit(1);
}

const TEMPLATES = {
  capability: {
    file: (name: string, symbol: string) => `import { z } from "zod";
import { defineCapability } from "../../src/index.ts";

/** One call: what goes in, what comes out, and how it is done. Everything else has a default. */
export const ${symbol} = defineCapability({
  name: "${name}",
  input: z.object({ text: z.string().min(1) }),
  output: z.object({ text: z.string() }),
  timeoutMs: 60_000,
  async run({ text }, step) {
    step.signal.throwIfAborted();
    return { text };
  },
});
`,
    test: (name: string, symbol: string) => `import { expect, test } from "vitest";
import { z } from "zod";
import { ${symbol} } from "../../app/capabilities/${name}.ts";
import { defineWorkflow } from "../../src/index.ts";
import { runWorkflow } from "../../src/testing/index.ts";

const once = defineWorkflow({
  name: "once",
  input: ${symbol}.input,
  output: ${symbol}.output,
  run: (job, input: z.output<typeof ${symbol}.input>) => job.step("only", ${symbol}, input),
});

test("${name} answers", async () => {
  const job = await runWorkflow(once, { text: "hello" }, { capabilities: [${symbol}] });
  expect(job.status).toBe("completed");
  expect(job.result).toEqual({ text: "hello" });
});
`,
  },
  workflow: {
    file: (name: string, symbol: string) => `import { z } from "zod";
import { defineWorkflow } from "../../src/index.ts";

/** Says which steps the job needs. Await steps only; anything else that lasts belongs into a capability. */
export const ${symbol} = defineWorkflow({
  name: "${name}",
  input: z.object({ query: z.string().min(1) }),
  output: z.object({ text: z.string() }),
  example: { query: "What is a queue?" },
  async run(job, { query }) {
    const context = await job.retrieve("context", { query, topK: 3 });
    return { text: context.passages.map((passage) => passage.text).join("\\n\\n") };
  },
});
`,
    test: (name: string, symbol: string) => `import { expect, test } from "vitest";
import { ${symbol} } from "../../app/workflows/${name}.ts";
import { retrieval } from "../../src/index.ts";
import { fake, runWorkflow } from "../../src/testing/index.ts";

const passage = { title: "Queues", path: "queues.md", score: 1, start: 0, end: 7, text: "A queue" };

test("${name} completes, also when retrieval fails at first", async () => {
  let calls = 0;
  const found = fake(retrieval, ({ query }) => {
    calls += 1;
    if (calls === 1) throw new Error("not yet");
    return { query, passages: [passage] };
  });
  const job = await runWorkflow(${symbol}, { query: "What is a queue?" }, { capabilities: [found] });
  expect(job.status).toBe("completed");
  expect(job.result).toEqual({ text: "A queue" });
  expect(calls).toBe(2);
});
`,
  },
} satisfies Record<Kind, Record<"file" | "test", (name: string, symbol: string) => string>>;

main(process.argv.slice(2));
