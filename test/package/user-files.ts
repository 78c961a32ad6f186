/** What a user has beside `node_modules/sluice`, by name: an app, its test, something that must not type-check, a CDK app. */
export const USER_FILES: Readonly<Record<string, string>> = {
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      target: "es2024",
      lib: ["es2024"],
      types: ["node"],
      module: "nodenext",
      noEmit: true,
      strict: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      skipLibCheck: false,
    },
    include: ["*.ts"],
  }),

  "sluice.ts": `
import { defineApp, defineCapability, defineWorkflow } from "sluice";
import { z } from "zod";

const Text = z.object({ text: z.string() });

export const shout = defineCapability({
  name: "shout",
  input: Text,
  output: Text,
  run: ({ text }) => ({ text: text.toUpperCase() }),
});

export const announce = defineWorkflow({
  name: "announce",
  input: Text,
  output: z.object({ said: z.string() }),
  async run(job, input) {
    const { text } = await job.step("only", shout, input);
    return { said: text };
  },
});

export default defineApp({ workflows: [announce], capabilities: [shout] });
`,

  "sluice.test.ts": `
import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, runWorkflow } from "sluice/testing";
import { announce, shout } from "./sluice.ts";

test("what is announced is shouted", async () => {
  const job = await runWorkflow(announce, { text: "hello" }, { capabilities: [shout] });
  assert.deepEqual(job.result, { said: "HELLO" });
});

test("a fake stands in for a capability", async () => {
  const quiet = fake(shout, () => ({ text: "…" }));
  const job = await runWorkflow(announce, { text: "hello" }, { capabilities: [quiet] });
  assert.equal(job.result?.said, "…");
});
`,

  "retrieves.ts": `
import { defineApp, retrieval } from "sluice";
import { announce, shout } from "./sluice.ts";

export default defineApp({ workflows: [announce], capabilities: [shout, retrieval] });
`,

  "types.ts": `
import { startEmbedded, loadResources, createLogger, type Embedded } from "sluice/embedded";
import { runWorkflow } from "sluice/testing";
import app, { announce, shout } from "./sluice.ts";

export const start = (): Embedded =>
  startEmbedded({ app, resources: loadResources(app, { dataDir: undefined }), logger: createLogger("WARN"), dataDir: undefined });

export async function wrong(): Promise<void> {
  // @ts-expect-error: the input is a text
  await runWorkflow(announce, { text: 1 }, { capabilities: [shout] });
  const job = await runWorkflow(announce, { text: "one" }, { capabilities: [shout] });
  // @ts-expect-error: the result has no such field
  job.result?.whispered;
}
`,
};

/** Of those that deploy, too. */
export const CDK_FILES: Readonly<Record<string, string>> = {
  "cdk.ts": `
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { Sluice } from "sluice/cdk";

const app = new App();
const stack = new Stack(app, "Users");
new Sluice(stack, "Ai", { app: join(import.meta.dirname, "sluice.ts") });
`,
};
