/** What of Node some of our commands cannot do without. */
export interface NodeFeatures {
  /** `node:sqlite` is there without a flag. */
  readonly sqlite: boolean;
  /** The user's own TypeScript files run as they are. */
  readonly typeStripping: boolean;
}

/** A sentence for a Node that is too old; undefined for one that will do. */
export function whyUnsupported(version: string, { sqlite, typeStripping }: NodeFeatures): string | undefined {
  const missing = [
    ...(sqlite ? [] : ["node:sqlite, where jobs and documents are kept"]),
    ...(typeStripping ? [] : ["type stripping, which runs an app in TypeScript"]),
  ];
  if (missing.length === 0) return undefined;
  return `Sluice needs Node 24, or 22 from 22.18 on: this one, ${version}, has no ${missing.join(", and no ")}`;
}
