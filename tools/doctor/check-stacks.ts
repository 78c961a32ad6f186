import { CloudFormationClient, ListStacksCommand } from "@aws-sdk/client-cloudformation";
import { EventBridgeClient, ListEventBusesCommand } from "@aws-sdk/client-eventbridge";
import { stackNamesOf } from "../../lib/settings.ts";
import { stackStatus } from "../stack-status.ts";
import type { Identity } from "./check-identity.ts";
import { clientOptions } from "./clients.ts";
import { type Finding, fail, look, ok, warn } from "./finding.ts";

/** For this long SQS keeps the name of a queue that was deleted (docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html). */
const QUEUE_NAME_MS = 60_000;

/** Whether the instance's stacks are in a state from which they can be deployed. @param nowMs the time of day */
export async function checkStacks({ region }: Identity, instance: string, nowMs: number): Promise<Finding[]> {
  const names = stackNamesOf(instance);
  const client = new CloudFormationClient(clientOptions(region));
  const app = look("stacks", "cloudformation:DescribeStacks, ListStacks", async () => {
    const status = await stackStatus(client, names.app);
    if (status !== undefined) return [findingOf(names.app, status)];
    const waitMs = (await deletedAtMs(client, names.app)) + QUEUE_NAME_MS - nowMs;
    if (!(waitMs > 0)) return [ok("stacks", `${names.app} is not there yet`)];
    const fix = `wait ${Math.ceil(waitMs / 1_000)} s`;
    return [warn("stacks", `${names.app} was removed a moment ago, and SQS keeps its queues' names for a minute`, fix)];
  });
  const data = look("stacks", "cloudformation:DescribeStacks, events:ListEventBuses", async () => {
    const status = await stackStatus(client, names.data);
    if (status !== undefined) return [findingOf(names.data, status)];
    const bus = await orphanedBus(region, names.data);
    if (bus === undefined) return [ok("stacks", `${names.data} is not there yet`)];
    const fix = "docs/runbook.md#when-the-data-stack-itself-is-gone";
    return [fail("stacks", `${names.data} is not there, but its bus ${bus} is, and the name is taken`, fix)];
  });
  return (await Promise.all([data, app])).flat();
}

function findingOf(stack: string, status: string): Finding {
  // The CDK removes a stack that was never made, or only reviewed, and makes it anew.
  if (/^(ROLLBACK_COMPLETE|REVIEW_IN_PROGRESS)$/.test(status)) return ok("stacks", `${stack} is ${status}: made anew`);
  if (status.endsWith("_IN_PROGRESS")) return warn("stacks", `${stack} is ${status}`, "wait until it has ended");
  if (status === "DELETE_FAILED") {
    return fail(
      "stacks",
      `${stack} is DELETE_FAILED`,
      `see its events for what could not be deleted, then delete it again: aws cloudformation delete-stack --stack-name ${stack}`,
    );
  }
  if (status.endsWith("_FAILED"))
    return fail("stacks", `${stack} is ${status}`, `npx cdk rollback ${stack}, with the same -c`);
  return ok("stacks", `${stack} is ${status}`);
}

/** When a stack of this name was last removed; long ago if it is not on the first page. */
async function deletedAtMs(client: CloudFormationClient, name: string): Promise<number> {
  const { StackSummaries = [] } = await client.send(new ListStacksCommand({ StackStatusFilter: ["DELETE_COMPLETE"] }));
  const times = StackSummaries.filter(({ StackName }) => StackName === name).map(({ DeletionTime }) =>
    Number(DeletionTime),
  );
  return Math.max(Number.NEGATIVE_INFINITY, ...times.filter((time) => !Number.isNaN(time)));
}

/** The CDK names a bus by its construct's path: one that outlived its stack is in the way of the next. */
async function orphanedBus(region: string, stack: string): Promise<string | undefined> {
  const NamePrefix = `${stack.replaceAll("-", "")}DataBus`;
  const { EventBuses = [] } = await new EventBridgeClient(clientOptions(region)).send(
    new ListEventBusesCommand({ NamePrefix }),
  );
  return EventBuses[0]?.Name;
}
