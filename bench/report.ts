/** What a benchmark found: tables for people, checks against the targets, and the raw figures for programs. */
export interface Report {
  readonly tables: readonly Table[];
  readonly checks: readonly Check[];
  readonly data: unknown;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A figure and what the project promises of it. */
export interface Check {
  readonly what: string;
  readonly got: number;
  readonly unit: string;
  readonly target: { readonly atMost: number } | { readonly atLeast: number };
}

const holds = ({ got, target }: Check): boolean => ("atMost" in target ? got <= target.atMost : got >= target.atLeast);

/** The value below which `share` of the values are (nearest rank). Throws for none, and for a figure that is none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0 || values.some(Number.isNaN)) throw new RangeError("a figure is missing");
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** At most three digits that say something. */
export function round(value: number): number {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return Number(value.toFixed(digits));
}

export const percent = (part: number, whole: number): string => `${round((100 * part) / whole)} %`;

/** A table as aligned Markdown: it reads well on a terminal and goes into a document as it is. */
export function formatTable({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) =>
    row.map((cell) => (typeof cell === "number" ? round(cell).toLocaleString("en-US") : cell)),
  );
  const widths = columns.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (column === 0 ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width))).join(" | ")} |`;
  const [head = [], ...body] = cells;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [`**${title}**`, "", line(head), line(rule), ...body.map(line)].join("\n");
}

export function checksTable(checks: readonly Check[]): Table {
  return {
    title: "Targets",
    columns: ["what", "got", "target", ""],
    rows: checks.map((check) => {
      const { what, got, unit, target } = check;
      const bound = "atMost" in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
      return [what, `${round(got)} ${unit}`.trim(), `${bound} ${unit}`.trim(), holds(check) ? "met" : "MISSED"];
    }),
  };
}
