import type { Listing } from "../../listing.ts";
import type { JobStatus, JobSummary } from "../../wire.ts";
import { type Command, EXIT, type Flags, UsageError } from "../command.ts";
import { columns } from "../terminal.ts";

const PAGE = 100;

export const list: Command = {
  name: "list",
  summary: "the tenant's jobs, newest first",
  usage: "[flags]",
  positionals: [],
  options: { status: { type: "string" }, workflow: { type: "string" }, limit: { type: "string" } },
  flags: [
    ["--status STATUS", "running, dead-lettered, completed, failed, expired or cancelled"],
    ["--workflow NAME", "only this workflow's"],
    ["--limit N", "so many at most (default 20)"],
  ],
  examples: ["list --status dead-lettered", "list --limit 500 --json | jq -r '.[].id'"],
  async run({ client, terminal, signal, json }, _, flags) {
    const limit = limitOf(flags);
    const jobs = await first(
      client.list({
        status: flags.text("status") as JobStatus | undefined,
        workflow: flags.text("workflow"),
        limit: Math.min(limit, PAGE),
        signal,
      }),
      limit,
    );
    if (json) terminal.json(jobs);
    else for (const line of columns(jobs.map(rowOf))) terminal.line(line);
    return EXIT.done;
  },
};

const rowOf = ({ id, workflow, status, createdAt }: JobSummary): string[] => [id, workflow, status, createdAt];

/** `--limit`, at least 1. */
export function limitOf(flags: Flags): number {
  const limit = flags.count("limit") ?? 20;
  if (limit === 0) throw new UsageError("--limit must be 1 at least");
  return limit;
}

/** The first items of a list. */
export async function first<T>(listing: Listing<T>, limit: number): Promise<T[]> {
  const items: T[] = [];
  for await (const item of listing) {
    items.push(item);
    if (items.length >= limit) break;
  }
  return items;
}
