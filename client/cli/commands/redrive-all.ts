import { type Context, EXIT, type ExitCode, type Flags, UsageError } from "../command.ts";

/** Redrives all dead letters of a filter, page by page. A refusal of one does not keep the others; an outage ends it. */
export async function redriveAll({ client, terminal, signal, json }: Context, flags: Flags): Promise<ExitCode> {
  const filter = { workflow: flags.text("workflow"), capability: flags.text("capability"), error: flags.text("error") };
  if (!flags.has("all") && Object.values(filter).every((value) => value === undefined)) {
    throw new UsageError("without an ID give --workflow, --capability or --error, or --all");
  }
  let failures = 0;
  let cursor: string | undefined;
  do {
    const page = await client.redriveAll({
      ...filter,
      ratePerSecond: flags.number("rate"),
      reason: flags.text("reason"),
      cursor,
      signal,
    });
    failures += page.failed.length;
    if (json) terminal.json(page);
    else {
      for (const { jobId, stepId, notBefore } of page.redriven)
        terminal.line(`${jobId}  ${stepId}  from ${notBefore} on`);
      for (const { jobId, stepId, detail } of page.failed)
        terminal.line(`${jobId}  ${stepId}  not redriven: ${detail}`);
      if (page.inDoubt > 0) terminal.note(`${page.inDoubt} calls in doubt are left to wait: see --error InDoubtError`);
    }
    if (page.failed.some(({ status }) => status === 503)) return EXIT.refused;
    cursor = page.next;
  } while (cursor !== undefined);
  return failures > 0 ? EXIT.refused : EXIT.done;
}
