import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FileSystem, Stack } from "aws-cdk-lib";
import { Code } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { STANDARD_CAPABILITIES } from "../../src/contract/standard-capabilities.ts";
import { ENVIRONMENTS, type FunctionKind } from "../../src/engines/aws/environment.ts";
import type { AppManifest } from "./app-manifest.ts";
import { bundle } from "./bundle.ts";
import { sluiceModule } from "./sluice-root.ts";

export const FUNCTION_KINDS = Object.keys(ENVIRONMENTS) as FunctionKind[];

/** The bundles of all kinds of functions of an app: made at once, and only where the CDK will deploy what they are for. */
export class FunctionBundles {
  /** Changes when any code does. */
  readonly hash: string;
  readonly #codes: ReadonlyMap<FunctionKind, Code>;

  constructor(scope: Construct, app: string, manifest: AppManifest) {
    if (!Stack.of(scope).bundlingRequired) {
      this.hash = "not bundled";
      this.#codes = new Map(FUNCTION_KINDS.map((kind) => [kind, Code.fromInline("// not bundled for this command")]));
      return;
    }
    const outDir = mkdtempSync(join(tmpdir(), "sluice-bundles-"));
    // The CDK copies them into its own output when functions are made.
    process.once("exit", () => rmSync(outDir, { recursive: true, force: true }));
    bundleFunctions(app, manifest, outDir);
    this.hash = FileSystem.fingerprint(outDir);
    this.#codes = new Map(FUNCTION_KINDS.map((kind) => [kind, Code.fromAsset(join(outDir, kind))]));
  }

  of(kind: FunctionKind): Code {
    const code = this.#codes.get(kind);
    if (code === undefined) throw new RangeError(`there is no kind of function ${kind}`);
    return code;
  }
}

/** A folder of `outDir` for each kind. Throws `SynthError`. */
export function bundleFunctions(app: string, manifest: AppManifest, outDir: string): void {
  const corpus = corpusOf(manifest);
  bundle({
    app,
    outDir,
    bundles: FUNCTION_KINDS.map((kind) => {
      const runsCapabilities = kind === "worker";
      const entry = sluiceModule(`lambdas/${kind}/handler`);
      return { name: kind, entry, runsCapabilities, ...(runsCapabilities && corpus ? { corpus } : {}) };
    }),
  });
}

/** An app that names no documents and does not retrieve needs none. */
function corpusOf({ corpus, capabilities }: AppManifest): { dir: string } | "default" | undefined {
  if (corpus !== undefined) return { dir: resolve(corpus) };
  return capabilities.some(({ name }) => name === STANDARD_CAPABILITIES.retrieval) ? "default" : undefined;
}
