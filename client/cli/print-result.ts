import type { JobView, Json } from "../wire.ts";
import { columns, type Terminal } from "./terminal.ts";

/** Prints a job's result: what was streamed already is named, not repeated; sources as a table; anything else as it is. */
export function printResult({ result }: JobView, streamed: ReadonlyMap<string, string>, terminal: Terminal): void {
  if (result === undefined) return;
  terminal.line();
  const members = isRecord(result) ? Object.entries(result) : [["result", result] as const];
  for (const [name, value] of members) {
    const isTable = name === "sources" && Array.isArray(value) && value.length > 0;
    const [first = "", ...lines] = isTable ? ["", ...columns(value.map(sourceRow))] : valueLines(value, streamed);
    terminal.line(terminal.style("bold", name), `  ${first}`);
    for (const line of lines) terminal.line(`  ${line}`);
  }
}

/** The first stands beside its name, the others below. */
function valueLines(value: Json, streamed: ReadonlyMap<string, string>): string[] {
  if (typeof value !== "string") return [JSON.stringify(value)];
  const [step] = [...streamed].find(([, text]) => value.trim() !== "" && text.trim() === value.trim()) ?? [];
  if (step !== undefined) return [`as streamed by ${step}`];
  return value.includes("\n") || value.length > 80 ? ["", ...value.split("\n")] : [value];
}

function sourceRow(source: Json): string[] {
  if (!isRecord(source)) return [JSON.stringify(source)];
  const { marker = "", path = "", title = "", start, end } = source;
  const where = typeof start === "number" && typeof end === "number" ? `${start}-${end}` : "";
  return [marker, path, where, title].map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
}

const isRecord = (value: Json | undefined): value is { [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
