import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { bundleOptions, FOR_LAMBDA } from "../../lib/bundling/bundle-options.ts";
import { buildIndex } from "../../src/corpus/build-index.ts";
import { defaultCorpus } from "../../src/corpus/default-corpus.ts";
import { codeBytes, type Init, measureInit } from "../function-process.ts";
import { median, type Report } from "../report.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const APP = join(ROOT, "app/sluice.ts");
const HANDLER = join(ROOT, "lambdas/worker/handler.ts");
const FTS_CORPUS = join(ROOT, "src/corpus/fts-corpus.ts");
/** As the worker is bundled. */
const DEPLOYED: BuildOptions = { ...bundleOptions(APP), ...FOR_LAMBDA };

/** Those that the worker makes. */
const CLIENTS = ["dynamodb", "eventbridge", "sqs", "s3", "secrets-manager"].map((name) => `@aws-sdk/client-${name}`);

interface Variant {
  readonly what: string;
  readonly options?: BuildOptions;
  /** Imported before the handler, and kept. */
  readonly eager?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** In place of the worker. */
  readonly source?: string;
  /** Runs before what is measured. */
  readonly warmUp?: boolean;
}

const MAPS = { NODE_OPTIONS: "--enable-source-maps" };
const variants = (dir: string): readonly Variant[] => [
  { what: "worker, as deployed" },
  { what: "Node, an empty module", source: "export const handler = 0;" },
  { what: "the clients of the AWS SDK alone", source: kept(CLIENTS) },
  { what: "the shipped app's module alone", source: kept([APP]) },
  { what: "with the AI SDK imported at the start", eager: ["ai"] },
  { what: "with the AI SDK and a provider's package", eager: ["ai", "@ai-sdk/openai"] },
  { what: "with mathjs (the calculator) imported at the start", eager: ["mathjs/number"] },
  { what: "not minified", options: { minify: false } },
  { what: "in one file, not split", options: { splitting: false } },
  { what: "with source maps beside it, used by Node", options: { sourcemap: "linked" }, variables: MAPS },
  { what: "with source maps inside it, used by Node", options: { sourcemap: "inline" }, variables: MAPS },
  {
    what: "with V8's compiled code kept (shows what compiling takes)",
    variables: { NODE_COMPILE_CACHE: join(dir, "cache") },
    warmUp: true,
  },
  {
    what: "the index of documents, opened and searched once",
    source: `import { openIndex } from ${JSON.stringify(FTS_CORPUS)};
      await openIndex(${JSON.stringify(join(dir, "corpus.index"))}).search("encrypted queue", 6);`,
  },
];

/** What a cold start of the worker is made of, and what changes it: each variant in new processes, in turns. */
export async function coldStart(quick: boolean): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-cold-start-"));
  try {
    const corpus = defaultCorpus();
    buildIndex(corpus.dir, join(dir, "corpus.index"), { match: corpus.match, portable: true });
    const built: { variant: Variant; file: string; inits: Init[] }[] = [];
    for (const variant of variants(dir)) {
      built.push({ variant, file: await make(variant, join(dir, String(built.length))), inits: [] });
    }
    for (const { variant, file } of built) if (variant.warmUp) measureInit(file, variant.variables);
    for (let round = 0; round < (quick ? 3 : 9); round += 1) {
      for (const { variant, file, inits } of built) inits.push(measureInit(file, variant.variables));
    }
    const measured = built.map(({ variant, file, inits }) => ({
      what: variant.what,
      codeBytes: codeBytes(dirname(file)),
      initMs: median(inits.map(({ initMs }) => initMs)),
      cpuMs: median(inits.map(({ cpuMs }) => cpuMs)),
    }));
    return report(measured, statSync(join(dir, "corpus.index")).size);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Resolves with the module to import. */
async function make({ options, eager = [], source }: Variant, outdir: string): Promise<string> {
  const entry = `${outdir}.entry.ts`;
  mkdirSync(outdir, { recursive: true });
  writeFileSync(entry, source ?? [kept(eager), `export { handler } from ${JSON.stringify(HANDLER)};`].join("\n"));
  await build({
    ...DEPLOYED,
    ...options,
    entryPoints: { index: entry },
    outdir,
    nodePaths: [join(ROOT, "node_modules")],
  });
  return join(outdir, "index.mjs");
}

/** Source that imports modules and uses them, so that a bundler leaves them in. */
function kept(modules: readonly string[]): string {
  const imports = modules.map((name, n) => `import * as kept${n} from ${JSON.stringify(name)};`);
  return [...imports, `globalThis.kept = [${modules.map((_, n) => `kept${n}`).join(", ")}];`].join("\n");
}

interface Measured extends Init {
  readonly what: string;
  readonly codeBytes: number;
}

function report(measured: readonly Measured[], indexBytes: number): Report {
  const [deployed = { initMs: Number.NaN, cpuMs: Number.NaN }] = measured;
  return {
    tables: [
      {
        title: `Cold start of the worker, by what is in it (the index of documents has ${Math.round(indexBytes / 1_000)} KB)`,
        columns: ["what", "code, KB", "init, ms", "of the deployed", "processor time, ms", "of the deployed"],
        rows: measured.map(({ what, codeBytes: bytes, initMs, cpuMs }) => [
          what,
          bytes / 1_000,
          initMs,
          `${(initMs / deployed.initMs).toFixed(2)} ×`,
          cpuMs,
          `${(cpuMs / deployed.cpuMs).toFixed(2)} ×`,
        ]),
      },
    ],
    checks: [],
    data: { indexBytes, measured },
  };
}
