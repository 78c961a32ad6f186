import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import app from "../../../app/sluice.ts";
import { type FtsCorpus, openCorpus } from "../../../src/corpus/fts-corpus.ts";
import { defineApp, defineCapability } from "../../../src/index.ts";
import { runApp } from "./run-app.ts";

const ORCHIDS = "# Orchids\n\nAn orchid needs water once a week. Its roots rot in wet soil.\n";
const CACTI = "# Cacti\n\nA cactus stores water in its stem. It blooms in the spring of each year.\n";
let dir: string;
let corpus: FtsCorpus;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "sluice-app-"));
  writeFileSync(join(dir, "orchids.md"), ORCHIDS);
  writeFileSync(join(dir, "cacti.md"), CACTI);
  corpus = openCorpus({ dir });
});
afterAll(() => {
  corpus.close();
  rmSync(dir, { recursive: true });
});
const ask = (query: string) => runApp(app, "analysis", { query }, corpus);

describe("analysis", () => {
  it("answers from the documents and lists the passages that the answer cites, with their places", async () => {
    const { output, steps } = await ask("How often does an orchid need water?");
    expect(steps).toEqual(["context: retrieval", "draft: completion"]);
    expect(output.answer).toContain('"An orchid needs water once a week." [1]');
    expect(output.model).toBe("embedded:extractive");
    expect(output.sources[0]).toMatchObject({ marker: "[1]", title: "Orchids", path: "orchids.md" });
    const { start, end } = output.sources[0] as { start: number; end: number };
    expect(ORCHIDS.slice(start, end)).toContain("An orchid needs water once a week.");
  });

  it("runs the tools that the model asks for, at once, and answers with what they found", async () => {
    const { output, steps } = await ask("Read cacti.md: when does it bloom? And what is 6 * 7?");
    expect(steps).toEqual([
      "context: retrieval",
      "draft: completion",
      "draft/call-1: tool",
      "draft/call-2: tool",
      "answer: completion",
    ]);
    expect(output.toolCalls).toMatchObject([
      { name: "calculator", input: { expression: "6 * 7" }, output: { result: "42" } },
      { name: "read_document", input: { path: "cacti.md" }, output: { text: CACTI } },
    ]);
    expect(output.answer).toContain("6 * 7 = 42 (calculator)");
    expect(output.answer).toContain('"It blooms in the spring of each year." (cacti.md)');
  });

  it("reports a tool's error and still answers", async () => {
    const { output } = await ask("Read nowhere/at-all.md please");
    expect(output.toolCalls).toMatchObject([{ name: "read_document", error: expect.stringContaining("no document") }]);
    expect(output.answer).toContain("answered with an error");
  });

  it("says that it found nothing, and cites nothing, where the documents do not answer", async () => {
    const { output } = await ask("Who won the chess championship?");
    expect(output.answer).toContain("found nothing in the sources");
    expect(output.sources).toEqual([]);
  });

  it("ignores markers of sources that the model was not given", async () => {
    const completion = app.capabilities.get("completion");
    if (completion === undefined) throw new Error("no completion");
    const inventive = defineCapability({
      ...completion,
      run: () => ({ text: "So it is [99], says [2].", toolCalls: [], finishReason: "stop", model: "m", usage: {} }),
    });
    const capabilities = [...app.capabilities.values()].map((each) => (each.name === "completion" ? inventive : each));
    const other = defineApp({ workflows: [...app.workflows.values()], capabilities });
    const { output } = await runApp(other, "analysis", { query: "water" }, corpus);
    expect(output.sources).toMatchObject([{ marker: "[2]" }]);
  });

  it("has an example that it accepts", () => {
    const workflow = app.workflows.get("analysis");
    expect(workflow?.input.safeParse(workflow.example).success).toBe(true);
  });
});

describe("importing the app", () => {
  it("loads no model's SDK, no maths and no database, and prints nothing", () => {
    const script = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ resolve: (name, context, next) => { loaded.push(name); return next(name, context); } });
      await import("./app/sluice.ts");
      process.stdout.write(JSON.stringify(loaded));`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: process.cwd(),
      encoding: "utf8",
    });
    const loaded: string[] = JSON.parse(out);
    expect(loaded).toContain("zod");
    const heavy = /^(ai|mathjs.*|node:(sqlite|http|https|net|fs|child_process)|@ai-sdk\/(?!provider$).*|@aws-sdk.*)$/;
    expect(loaded.filter((name) => heavy.test(name))).toEqual([]);
  });
});
