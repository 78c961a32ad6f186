import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { CORPUS_FILE } from "../../src/contract/bundle-files.ts";
import { buildIndex } from "../../src/corpus/build-index.ts";
import { defaultCorpus } from "../../src/corpus/default-corpus.ts";
import { bundleOptions, FOR_LAMBDA } from "./bundle-options.ts";
import { BundleRequest } from "./bundle-request.ts";
import { SLUICE_ROOT } from "./sluice-root.ts";

/** Code of ours that no capability's `run` is in: what it imports when it runs belongs into every bundle. */
const NEEDED_ANYWHERE = /^(lambdas|lib|node_modules|src\/(contract|core|engines|telemetry))\//;

/**
 * Functions that run no capability get no code that only a capability's `run` imports: SDKs of models, for example. It
 * would double their size (what a cold start reads), and is never called there.
 */
const leaveOutWhatCapabilitiesImport: Plugin = {
  name: "leave-out-what-capabilities-import",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /.*/ }, ({ kind, importer, path }) =>
      kind === "dynamic-import" && isCapabilityCode(importer) ? { path, namespace: "left-out" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "left-out" }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not in this function: it runs no capability. Import it inside run`)});`,
    }));
  },
};

/** Ours by their folder; of everything else what is no package: a user's own files. */
function isCapabilityCode(importer: string): boolean {
  const inside = relative(SLUICE_ROOT, importer).replaceAll(sep, "/");
  return inside.startsWith("..") ? !importer.includes(`${sep}node_modules${sep}`) : !NEEDED_ANYWHERE.test(inside);
}

const FOR_HERE: BuildOptions = { sourcemap: "inline" };

async function main(): Promise<void> {
  const { app, outDir, bundles } = BundleRequest.parse(JSON.parse(readFileSync(0, "utf8")));
  for (const { name, corpus } of bundles) {
    if (corpus === undefined) continue;
    const { dir, match } = corpus === "default" ? defaultCorpus() : { ...corpus, match: undefined };
    buildIndex(dir, join(outDir, name, CORPUS_FILE), { match, portable: true });
  }
  await Promise.all(
    bundles.map(({ name, entry, runsCapabilities, readable }) =>
      build({
        ...bundleOptions(app),
        entryPoints: { index: entry },
        outdir: join(outDir, name),
        plugins: runsCapabilities ? [] : [leaveOutWhatCapabilitiesImport],
        ...(readable ? FOR_HERE : FOR_LAMBDA),
      }),
    ),
  );
}

await main().catch((error: Error) => {
  // esbuild has said what is wrong, and where.
  if (!("errors" in error)) console.error(error.message);
  process.exitCode = 1;
});
