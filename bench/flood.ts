import { announce, optionsOfChild } from "./children.ts";
import { HttpClient } from "./http-client.ts";

/** A tenant that submits many jobs at once, in a process of its own: its client must not slow another's down. */
export interface FloodOptions {
  readonly url: string;
  readonly tenant: string;
  readonly workflow: string;
  readonly input: unknown;
  readonly jobs: number;
  readonly connections: number;
}

export interface FloodEnd {
  readonly accepted: number;
  readonly ms: number;
}

const { url, tenant, workflow, input, jobs, connections } = optionsOfChild<FloodOptions>();
const client = new HttpClient(url, connections);
announce(url);
process.once("message", async () => {
  const startedMs = performance.now();
  const answers = await Promise.all(
    Array.from({ length: jobs }, () => client.post("/v1/jobs", { workflow, input }, { "x-tenant-id": tenant })),
  );
  const accepted = answers.filter(({ status }) => status === 202).length;
  process.send?.({ accepted, ms: performance.now() - startedMs } satisfies FloodEnd);
});
