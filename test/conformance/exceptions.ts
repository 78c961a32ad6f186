import type { Target } from "./target.ts";

/** A case that cannot hold on one target: skipped there by its full name, everywhere else it runs. */
export interface Exception {
  readonly target: Target;
  /** The full name: what `describe` and `test` say, with " > " between. */
  readonly test: string;
  /** What the target does instead, and where what it shows is covered. */
  readonly reason: string;
}

/** The one list of them. No test asks where it runs. */
export const exceptions: readonly Exception[] = [
  ...(["emulator", "aws"] as const).map((target) => ({
    target,
    test: "the edge > a method that a path does not take is a 405 with those that it takes",
    reason: "API Gateway knows a method only together with its path, and answers 404 for both",
  })),
  {
    target: "aws",
    test: "the edge > a path that there is not is a 404 for a caller with a key, too",
    reason:
      "API Gateway takes a bearer key on an unknown path for a signature that is incomplete; whether it then answers 404 or 400 in our words nobody has seen yet",
  },
  {
    target: "aws",
    test: "the capabilities > say how much waits for them",
    reason: "SQS's counts are approximate, and up to a minute late: a short backlog may never be seen",
  },
  {
    target: "aws",
    test: "back-pressure > a job that needs a capability with too long a backlog is refused, and taken later with the same key",
    reason: "the same; test/aws/back-pressure.test.ts shows it on a local SQS whose counts are exact",
  },
  {
    target: "aws",
    test: "cancelling > stops the call that runs, and no step starts after it",
    reason: "functions there cannot reach the machine that the suite runs on, where the call is to tell what it saw",
  },
  ...[
    "tell a job's end to its own receiver, signed with the tenant's secret",
    "are tried again when the receiver fails, each attempt on record, under the same id",
    "do not follow a redirect",
    "can be sent again by hand",
    "go to the endpoints of a tenant while these are enabled; 410 disables one",
    "of another tenant are nobody's business",
  ].map((name) => ({
    target: "aws" as const,
    test: `webhooks > ${name}`,
    reason: "functions there cannot reach the receiver, which is on the machine that the suite runs on",
  })),
  {
    target: "emulator",
    test: "one tenant's flood does not keep another tenant's single job waiting",
    reason: "its standard queues know no fair queues: first in, first out, whatever the message group",
  },
  {
    target: "aws",
    test: "one tenant's flood does not keep another tenant's single job waiting",
    reason:
      "SQS lets tenants take turns only where about 30 messages are in flight, and this capability works on two at once",
  },
];

/** Entries that name no case of the suite: their case was renamed or taken out. */
export function staleExceptions(names: Iterable<string>, list: readonly Exception[] = exceptions): string[] {
  const known = new Set(names);
  return [...new Set(list.map(({ test }) => test))].filter((name) => !known.has(name));
}
