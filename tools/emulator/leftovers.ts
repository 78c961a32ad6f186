import { APIGatewayClient, GetRestApisCommand } from "@aws-sdk/client-api-gateway";
import { ApiGatewayV2Client, GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { CloudFormationClient, paginateDescribeStacks } from "@aws-sdk/client-cloudformation";
import { CloudWatchClient, paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, paginateDescribeLogGroups } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient, paginateListTables } from "@aws-sdk/client-dynamodb";
import {
  EventBridgeClient,
  ListArchivesCommand,
  ListEventBusesCommand,
  ListRulesCommand,
} from "@aws-sdk/client-eventbridge";
import { IAMClient, paginateListRoles } from "@aws-sdk/client-iam";
import { LambdaClient, ListEventSourceMappingsCommand, paginateListFunctions } from "@aws-sdk/client-lambda";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { paginateListQueues, SQSClient } from "@aws-sdk/client-sqs";
import { s3Client } from "../../src/engines/aws/aws-clients.ts";

/** What the CDK itself keeps in an account, and what each account has. */
const ALWAYS_THERE = [/^CDKToolkit$/, /^cdk-hnb659fds-/, /^default$/];

/** Everything in the account that could be an instance's, as `kind name`; empty where nothing is left. */
export const leftovers = (): Promise<string[]> => namesLeft(LISTS);

type Lists = Readonly<Record<string, () => Promise<string[]>>>;

/** The same of what these list, by kind. */
export async function namesLeft(lists: Lists): Promise<string[]> {
  const kinds = await Promise.all(
    Object.entries(lists).map(async ([kind, list]) =>
      (await list()).filter((name) => !ALWAYS_THERE.some((known) => known.test(name))).map((name) => `${kind} ${name}`),
    ),
  );
  return kinds.flat().sort();
}

const LISTS: Lists = {
  stack: () => {
    const pages = paginateDescribeStacks({ client: new CloudFormationClient({}) }, {});
    return namesOf(pages, ({ Stacks = [] }) => Stacks.map(({ StackName }) => StackName));
  },
  table: () => namesOf(paginateListTables({ client: new DynamoDBClient({}) }, {}), ({ TableNames = [] }) => TableNames),
  bucket: async () => {
    const { Buckets = [] } = await s3Client().send(new ListBucketsCommand({}));
    return Buckets.map(({ Name = "" }) => Name);
  },
  queue: () => namesOf(paginateListQueues({ client: new SQSClient({}) }, {}), ({ QueueUrls = [] }) => QueueUrls),
  function: () => {
    const pages = paginateListFunctions({ client: new LambdaClient({}) }, {});
    return namesOf(pages, ({ Functions = [] }) => Functions.map(({ FunctionName }) => FunctionName));
  },
  mapping: async () => {
    const { EventSourceMappings = [] } = await new LambdaClient({}).send(new ListEventSourceMappingsCommand({}));
    return EventSourceMappings.map(({ EventSourceArn = "" }) => EventSourceArn);
  },
  bus: async () => {
    const { EventBuses = [] } = await new EventBridgeClient({}).send(new ListEventBusesCommand({}));
    return EventBuses.map(({ Name = "" }) => Name);
  },
  archive: async () => {
    const { Archives = [] } = await new EventBridgeClient({}).send(new ListArchivesCommand({}));
    return Archives.map(({ ArchiveName = "" }) => ArchiveName);
  },
  rule: async () => {
    const { Rules = [] } = await new EventBridgeClient({}).send(new ListRulesCommand({}));
    return Rules.map(({ Name = "" }) => Name);
  },
  alarm: () => {
    const pages = paginateDescribeAlarms({ client: new CloudWatchClient({}) }, {});
    return namesOf(pages, ({ MetricAlarms = [] }) => MetricAlarms.map(({ AlarmName }) => AlarmName));
  },
  "log group": () => {
    const pages = paginateDescribeLogGroups({ client: new CloudWatchLogsClient({}) }, {});
    return namesOf(pages, ({ logGroups = [] }) => logGroups.map(({ logGroupName }) => logGroupName));
  },
  secret: async () => {
    const { SecretList = [] } = await new SecretsManagerClient({}).send(new ListSecretsCommand({}));
    return SecretList.map(({ Name = "" }) => Name);
  },
  api: async () => {
    const { items = [] } = await new APIGatewayClient({}).send(new GetRestApisCommand({}));
    return items.map(({ name = "" }) => name);
  },
  "web socket api": async () => {
    const { Items = [] } = await new ApiGatewayV2Client({}).send(new GetApisCommand({}));
    return Items.map(({ Name = "" }) => Name);
  },
  role: () => {
    const pages = paginateListRoles({ client: new IAMClient({}) }, {});
    return namesOf(pages, ({ Roles = [] }) => Roles.map(({ RoleName }) => RoleName));
  },
};

async function namesOf<P>(pages: AsyncIterable<P>, names: (page: P) => (string | undefined)[]): Promise<string[]> {
  const found: string[] = [];
  for await (const page of pages) found.push(...names(page).map((name) => name ?? ""));
  return found;
}
