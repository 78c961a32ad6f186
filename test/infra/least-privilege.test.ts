import { Stack } from "aws-cdk-lib";
import { SubnetType, Vpc } from "aws-cdk-lib/aws-ec2";
import { beforeAll, describe, expect, test } from "vitest";
import { Sluice } from "../../lib/sluice.ts";
import { appSource, writeApp } from "./app-files.ts";
import { ACCOUNT, cdkApp, labelled, REGION, type Synthesized, SynthesizedStack, synthesize } from "./synthesize.ts";

const SES = `arn:aws:ses:${REGION}:${ACCOUNT}:identity/example.org`;
const PROFILE = `arn:aws:bedrock:${REGION}:${ACCOUNT}:inference-profile/eu.amazon.nova-lite-v1:0`;
const APP = {
  capabilities: {
    plain: {},
    thinker: { usesModel: true },
    mailer: { secrets: ["SMTP_PASSWORD"], permissions: [{ actions: ["ses:SendEmail"], resources: [SES] }] },
  },
  options: { model: "bedrock:eu.amazon.nova-lite-v1:0", models: ["openai:gpt-5", "bedrock:amazon.nova-micro-v1:0"] },
};

let synthesized: Synthesized;
beforeAll(() => {
  synthesized = synthesize({ context: { app: writeApp(appSource(APP)) } });
});

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: string | string[];
  readonly Condition?: unknown;
}

/** Everything that a role may do, each as `action resource`, with its condition if it has one; sorted. */
function grantsOf(of: Synthesized, role: string): string[] {
  return of.app
    .ofType("AWS::IAM::Policy")
    .filter(({ properties }) => (labelled(of, properties.Roles) as string[]).includes(`<${role}>`))
    .flatMap(({ properties }) => labelled(of, properties.PolicyDocument.Statement) as Statement[])
    .flatMap(({ Effect, Action, Resource, Condition }) => {
      expect(Effect).toBe("Allow");
      const condition = Condition === undefined ? "" : ` if ${JSON.stringify(Condition)}`;
      return [Action].flat().flatMap((action) => [Resource].flat().map((on) => `${action} ${on}${condition}`));
    })
    .sort();
}

const roles = (of: Synthesized): string[] => of.app.ofType("AWS::IAM::Role").map(({ path }) => path);

const own = (fn: string): string[] => [`logs:CreateLogStream <${fn}Logs>.Arn`, `logs:PutLogEvents <${fn}Logs>.Arn`];
/** Something to do to items of the table that are in partitions like this, and to no other. */
const items = (action: string, partition: string): string =>
  `dynamodb:${action} <Data/Table>.Arn if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${partition}"]}}`;
const READ_LOGS = items("Query", "job_*");
const READ = [READ_LOGS, "s3:GetObject <Data/Bucket>.Arn/jobs/*"];
const READ_SUBSCRIPTIONS = items("Query", "live#*");
const TELL = [READ_SUBSCRIPTIONS, "sqs:SendMessage <Sluice/Sockets/Queue>.Arn"];
const connections = (method: string): string =>
  `execute-api:ManageConnections arn:aws:execute-api:${REGION}:${ACCOUNT}:<Sluice/Sockets/WebSocketApi>/live/${method}/@connections/*`;
const SUBSCRIPTIONS = ["PutItem", "UpdateItem", "DeleteItem"].map((action) => items(action, "live#*"));
const BEGIN = [
  ...READ,
  ...TELL,
  items("PutItem", "job_*"),
  "events:PutEvents <Data/Bus>.Arn",
  "s3:PutObject <Data/Bucket>.Arn/jobs/*",
];
const WRITE = [...BEGIN, items("UpdateItem", "job_*")];
const LIMITS = [items("Query", "limit#*"), items("UpdateItem", "limit#*")];
/** Among them are the secrets that sign webhooks: nobody else may read those. */
const RECORDS = [items("Query", "record#*"), items("UpdateItem", "record#*")];
const FOLLOWERS = items("Query", "record#tenant#*");
const CORPUS = ["s3:GetObject <Data/Bucket>.Arn/corpus/index"];
const SEND = connections("POST");
const consume = (line: string): string[] => [
  ...["ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility", "SendMessage"].map(
    (action) => `sqs:${action} <${line}/Topic/Queue>.Arn`,
  ),
  `sqs:SendMessage <${line}/Topic/DeadLetters>.Arn`,
];
const attributes = (queue: string): string[] =>
  ["plain", "thinker", "mailer"].map(
    (name) => `sqs:GetQueueAttributes <Sluice/Pipeline/Capability-${name}/Topic/${queue}>.Arn`,
  );
const review = (line: string): string[] =>
  ["GetQueueAttributes", "ReceiveMessage", "ChangeMessageVisibility", "DeleteMessage", "SendMessage"].map(
    (action) => `sqs:${action} <Sluice/Pipeline/${line}/Topic/DeadLetters>.Arn`,
  );
const BACKLOGS = ["cloudwatch:GetMetricData *", ...attributes("Queue")];
const secret = (action: string, name: string, suffix = "-??????"): string =>
  `secretsmanager:${action} arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:sluice/dev/${name}${suffix}`;
const invoke = (resource: string, condition = ""): string[] =>
  ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"].map((action) => `${action} ${resource}${condition}`);
const through = ` if ${JSON.stringify({ StringEquals: { "bedrock:InferenceProfileArn": PROFILE } })}`;
const nova = (region: string): string => `arn:aws:bedrock:${region}::foundation-model/amazon.nova-lite-v1:0`;

const places = (set: string): string[] =>
  ["Query", "UpdateItem"].map(
    (action) =>
      `dynamodb:${action} <Data/Table>.Arn if {"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["limit#set#${set}"]}}`,
  );

const ticketKey = (action: string): string =>
  `dynamodb:${action} <Data/Table>.Arn if {"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["ticket-key"]}}`;

/** All that functions may do, by what they are: nothing else, and nobody else. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  "Sluice/Deployment/Function": [
    'dynamodb:UpdateItem <Data/Table>.Arn if {"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["deployments"]}}',
    // Without its suffix, too: of a secret that is not there it is told so, rather than that it may not look.
    secret("DescribeSecret", "OPENAI_API_KEY", ""),
    secret("DescribeSecret", "OPENAI_API_KEY"),
    secret("DescribeSecret", "SMTP_PASSWORD", ""),
    secret("DescribeSecret", "SMTP_PASSWORD"),
  ],
  "Sluice/Pipeline/Capability-plain/Worker": [
    ...WRITE,
    ...LIMITS,
    SEND,
    ...CORPUS,
    ...consume("Sluice/Pipeline/Capability-plain"),
  ],
  "Sluice/Pipeline/Capability-thinker/Worker": [
    ...WRITE,
    ...LIMITS,
    SEND,
    ...CORPUS,
    ...consume("Sluice/Pipeline/Capability-thinker"),
    secret("GetSecretValue", "OPENAI_API_KEY"),
    ...invoke(PROFILE),
    ...invoke(`arn:aws:bedrock:${REGION}::foundation-model/amazon.nova-micro-v1:0`),
    ...["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"].flatMap((region) => invoke(nova(region), through)),
  ],
  "Sluice/Pipeline/Capability-mailer/Worker": [
    ...WRITE,
    ...LIMITS,
    SEND,
    ...CORPUS,
    ...consume("Sluice/Pipeline/Capability-mailer"),
    secret("GetSecretValue", "SMTP_PASSWORD"),
    `ses:SendEmail ${SES}`,
  ],
  "Sluice/Pipeline/Workflow-main/Worker": [...WRITE, ...consume("Sluice/Pipeline/Workflow-main")],
  "Sluice/Api/Submit": [...BEGIN, FOLLOWERS, ...places("waits")],
  // No log is written, nothing published, no model called.
  "Sluice/Pipeline/Webhooks/Worker": [...READ, ...RECORDS, ...consume("Sluice/Pipeline/Webhooks")],
  "Sluice/Api/WebhookEndpoints": [
    ...READ,
    ...RECORDS,
    items("DeleteItem", "record#tenant#*"),
    "sqs:SendMessage <Sluice/Pipeline/Webhooks/Topic/Queue>.Arn",
  ],
  "Sluice/Api/Jobs": [...READ, "dynamodb:Query <Data/Table>.Arn/index/jobs"],
  "Sluice/Api/Events": [...READ, ...places("streams")],
  "Sluice/Api/Commands": [...WRITE, FOLLOWERS],
  "Sluice/Api/DeadLetters": [...WRITE, "dynamodb:Query <Data/Table>.Arn/index/jobs"],
  "Sluice/Api/Capabilities": [
    'dynamodb:Query <Data/Table>.Arn if {"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["limit#circuits"]}}',
    ...BACKLOGS,
    ...attributes("DeadLetters"),
  ],
  "Sluice/Api/OpenApi": [],
  "Sluice/Api/Health": [],
  "Sluice/Api/Tickets": [READ_LOGS, ticketKey("GetItem"), ticketKey("PutItem")],
  // It can use tickets up, and can neither read a job nor change the key that signs them.
  "Sluice/Api/AuthorizerFunction": [
    "secretsmanager:GetSecretValue <Data/Keys>",
    ticketKey("GetItem"),
    items("PutItem", "ticket#*"),
  ],
  // It looks whose a job is, and reads no payload.
  "Sluice/Sockets/Socket": [READ_LOGS, ...SUBSCRIPTIONS, ...TELL, SEND, connections("DELETE")],
  "Sluice/Sockets/Delivery": [
    ...READ,
    ...SUBSCRIPTIONS,
    ...TELL,
    SEND,
    connections("DELETE"),
    ...["ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility"].map(
      (action) => `sqs:${action} <Sluice/Sockets/Queue>.Arn`,
    ),
  ],
  "Sluice/Operations/Reconciler": [
    ...WRITE,
    "dynamodb:Query <Data/Table>.Arn/index/wake",
    items("Query", "record#job#*"),
    ...BACKLOGS,
    "sqs:GetQueueAttributes <Sluice/Pipeline/Workflow-main/Topic/Queue>.Arn",
    ...["Capability-plain", "Capability-thinker", "Capability-mailer", "Workflow-main"].flatMap(review),
    ...review("Webhooks").filter((grant) => !grant.startsWith("sqs:SendMessage")),
  ],
};

describe("each function may do what it must, and nothing else:", () => {
  test.each(Object.entries(TABLE))("%s", (fn, grants) => {
    expect(grantsOf(synthesized, `${fn}Role`)).toEqual([...own(fn), ...grants].sort());
  });

  test("and there is no other role", () => {
    expect(roles(synthesized).sort()).toEqual(
      Object.keys(TABLE)
        .map((fn) => `${fn}Role`)
        .sort(),
    );
  });
});

test("limits take what they must, of those that begin jobs: counts, buckets, and the queues whose backlog is limited", () => {
  const limited = synthesize({
    context: {
      app: writeApp(
        appSource({
          capabilities: { plain: {}, scarce: { maxBacklog: 10 } },
          options: { tenantLimits: { jobsPerMinute: 60, jobsInFlight: 10 } },
        }),
      ),
    },
  });
  const admission = [
    "cloudwatch:GetMetricData *",
    "dynamodb:Query <Data/Table>.Arn/index/jobs",
    "sqs:GetQueueAttributes <Sluice/Pipeline/Capability-scarce/Topic/Queue>.Arn",
  ];
  for (const [fn, before] of [
    ["Sluice/Api/Submit", [...BEGIN, FOLLOWERS, ...places("waits")]],
    ["Sluice/Api/Commands", [...WRITE, FOLLOWERS]],
  ] as const) {
    expect(grantsOf(limited, `${fn}Role`)).toEqual([...own(fn), ...before, ...admission, ...LIMITS].sort());
  }
  const alarm = JSON.stringify(limited.app.at("Sluice/Operations/ServerErrorsAlarm").properties);
  expect(alarm).toContain("errors - FILL(refused, 0)");
});

describe("wildcards", () => {
  /** Actions that no policy can narrow down to a resource. */
  const WITHOUT_RESOURCE = [
    "cloudwatch:GetMetricData",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  const onEverything = (of: Synthesized): string[] => {
    const all = roles(of).flatMap((role) => grantsOf(of, role));
    expect(all.filter((grant) => /^\S*\*/.test(grant))).toEqual([]);
    return [...new Set(all.filter((grant) => / \*$/.test(grant)).map((grant) => grant.split(" ")[0] ?? ""))];
  };

  test("stand for a resource only where a policy can name none", () => {
    expect(onEverything(synthesized).sort()).toEqual(WITHOUT_RESOURCE.slice(0, 1));
  });

  test("also in a network, whose interfaces are all that comes besides", () => {
    const stack = new Stack(cdkApp(), "Mine", { env: { account: ACCOUNT, region: REGION } });
    const subnetConfiguration = [{ name: "private", subnetType: SubnetType.PRIVATE_WITH_EGRESS }];
    const vpc = new Vpc(stack, "Vpc", { natGateways: 0, subnetConfiguration, restrictDefaultSecurityGroup: false });
    new Sluice(stack, "Ai", { app: writeApp(appSource({})), vpc });
    const app = new SynthesizedStack(stack);
    expect(onEverything({ app, data: app }).sort()).toEqual([...WITHOUT_RESOURCE].sort());
    for (const { path, properties } of app.ofType("AWS::Lambda::Function")) {
      expect([path, properties.VpcConfig?.SubnetIds.length]).toEqual([path, 3]);
    }
  });
});

test("what a capability's secrets are is known to its own worker only", () => {
  const secrets = synthesized.app
    .ofType("AWS::Lambda::Function")
    .map(({ path, properties }) => [path, properties.Environment.Variables.SLUICE_SECRETS] as const)
    .filter(([, value]) => value !== undefined);
  const of = (path: string): unknown =>
    JSON.parse(labelled(synthesized, secrets.find(([fn]) => fn.includes(path))?.[1]) as string);
  expect(secrets).toHaveLength(2);
  const arn = (name: string): string => `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:sluice/dev/${name}`;
  expect(of("thinker")).toEqual({ OPENAI_API_KEY: arn("OPENAI_API_KEY") });
  expect(of("mailer")).toEqual({ SMTP_PASSWORD: arn("SMTP_PASSWORD") });
});
