import { z } from "zod";

/** What the bundler is told. It runs in a process of its own, since constructs are made synchronously and esbuild's plugins are not. */
export const BundleRequest = z.object({
  /** The app module, an absolute path: what `#app` stands for. */
  app: z.string(),
  outDir: z.string(),
  /** Folders of `outDir` to make: an entry point each, bundled with all that it imports. */
  bundles: z.array(
    z.object({
      name: z.string(),
      entry: z.string(),
      /** Capabilities run in it: what they import when they run is bundled, too. */
      runsCapabilities: z.boolean(),
      /** Documents to index for it: a folder, or the default ones. */
      corpus: z.union([z.object({ dir: z.string() }), z.literal("default")]).optional(),
      /** In one file with its source map, to be run here rather than in a function. */
      readable: z.boolean().default(false),
    }),
  ),
});
export type BundleRequest = z.input<typeof BundleRequest>;
