import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { copyExample, INSTALL, packInto } from "../../test/package/example-folder.ts";
import { usersEnvironment } from "../../test/package/user-folder.ts";
import { Api } from "./api.ts";
import { deployedResources } from "./deployed.ts";
import { pointToEmulator } from "./instance.ts";
import { CommandError, runCommand } from "./run-command.ts";
import { Violations } from "./steps.ts";
import { withoutPermission } from "./without-permission.ts";

export interface ExampleOptions {
  /** `clientEnvironment(port)`, which this process has, too. */
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
  /** Becomes the user's folder. It must be outside of any that has packages installed, or the example could use these. */
  readonly dir: string;
}

const ORDER = { orderId: "A-1001", status: "sent" };
const QUESTION = "Can opened bags of coffee be returned?";
/** What the example's documents say to that. */
const SAID = "within 30 days";
const EVENT = "ai.order-help.completed";
const EVENT_WITHIN_MS = 30_000;

/**
 * `examples/embed` as its README says: installed from the packed tarball, deployed with its own CDK, called, removed.
 * The account must be bootstrapped. Resolves with what came of it, in a line; throws {@link Violations} where it is not
 * as the example promises. What was deployed is removed in any case.
 */
export async function showExample({ env, port, dir }: ExampleOptions): Promise<string> {
  const options = { env: usersEnvironment(env), cwd: dir };
  const run = (command: string, args: readonly string[]): Promise<string> => runCommand(command, args, options);
  const program = (name: string): string => join(dir, "node_modules/.bin", name);
  const outputsFile = join(dir, "outputs.json");
  const cdk = (...args: string[]) => run(program("cdk"), [...args, "--all", "--no-notices"]);
  copyExample(dir);
  packInto(dir);
  try {
    await run("npm", INSTALL);
    try {
      await cdk("deploy", "--require-approval", "never", "--outputs-file", outputsFile);
      pointToEmulator(outputsFile, port);
      const key = await run(program("sluice-key"), ["--outputs", outputsFile]);
      return await askAboutAnOrder(outputsOf(outputsFile), key.trim().split("\n").at(-1) ?? "");
    } finally {
      await cdk("destroy", "--force");
    }
  } catch (error) {
    throw error instanceof CommandError ? new Violations([error.message]) : error;
  }
}

interface Outputs {
  readonly AiApiUrl: string;
  readonly OrdersTable: string;
  readonly AnsweredQueueUrl: string;
}

function outputsOf(file: string): Outputs {
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly OrderDesk: Outputs }).OrderDesk;
}

async function askAboutAnOrder({ AiApiUrl, OrdersTable, AnsweredQueueUrl }: Outputs, key: string): Promise<string> {
  const Item = { orderId: { S: ORDER.orderId }, status: { S: ORDER.status } };
  await new DynamoDBClient({}).send(new PutItemCommand({ TableName: OrdersTable, Item }));
  const api = await new Api(AiApiUrl, key).admitted();
  const refused = await askWithoutPermission(api, OrdersTable);
  const { id } = await api.submit("order-help", { orderId: ORDER.orderId, question: QUESTION });
  // One that is set aside, or waits for that, tells why in its steps.
  const job = await api.settled(id).catch(() => api.job(id));
  const { status, answer = "" } = (job.result ?? {}) as { readonly status?: string; readonly answer?: string };
  const told = await eventIn(AnsweredQueueUrl);
  const violations = [
    ...(job.status === "completed" ? [] : [`job ${id} is ${job.status}: ${JSON.stringify(job.steps)}`]),
    ...(status === ORDER.status ? [] : [`the order in the user's table is ${ORDER.status}; the job says ${status}`]),
    ...(answer.includes(SAID) ? [] : [`the answer has nothing of the user's documents: ${answer}`]),
    ...(told?.["detail-type"] === EVENT && told.detail?.jobId === id
      ? []
      : [`the user's own queue should get ${EVENT} of ${id}; it got ${JSON.stringify(told)}`]),
  ];
  if (violations.length > 0) throw new Violations(violations);
  return `without its right to the user's table a step waits for a person: ${refused}\nthe job read the user's table (${status}) and documents; ${EVENT} came to the user's own queue`;
}

/** What is on record of a step whose worker may not read the table. */
async function askWithoutPermission(api: Api, table: string): Promise<string> {
  const worker = (await deployedResources(["OrderDesk"])).find(
    ({ path, type }) => type === "AWS::Lambda::Function" && path.endsWith("/Capability-order-lookup/Worker"),
  );
  if (worker === undefined) throw new Violations(["there is no worker of order-lookup"]);
  const job = await withoutPermission(worker, `table/${table}`, async () =>
    api.settled((await api.submit("order-help", { orderId: ORDER.orderId, question: QUESTION })).id),
  );
  const said = job.steps.find(({ capability }) => capability === "order-lookup")?.error?.message ?? "";
  if (job.status === "dead-lettered" && said.includes("dynamodb:GetItem")) return said;
  throw new Violations([`without its permission, job ${job.id} is ${job.status}, and says ${JSON.stringify(said)}`]);
}

interface BusEvent {
  readonly "detail-type"?: string;
  readonly detail?: { readonly jobId?: string };
}

/** The first event that comes to a queue; undefined where none does. */
async function eventIn(QueueUrl: string): Promise<BusEvent | undefined> {
  const sqs = new SQSClient({});
  const deadline = Date.now() + EVENT_WITHIN_MS;
  while (Date.now() < deadline) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
    const [message] = Messages;
    if (message !== undefined) return JSON.parse(message.Body ?? "{}") as BusEvent;
  }
  return undefined;
}
