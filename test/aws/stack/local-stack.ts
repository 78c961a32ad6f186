import { join } from "node:path";
import { advanceQueue, topics, WEBHOOKS } from "../../../src/contract/messages.ts";
import { sqsSuffix } from "../../../src/contract/queue-names.ts";
import type { App } from "../../../src/core/define-app.ts";
import { Connections } from "../../../src/testing/local-aws/connections.ts";
import { LambdaPoller } from "../../../src/testing/local-aws/lambda-poller.ts";
import { type LocalAws, startLocalAws } from "../../../src/testing/local-aws/local-aws.ts";
import { SecretsManager } from "../../../src/testing/local-aws/secrets-manager.ts";
import type { AccessLine, Statement } from "../../../tools/emulator/access-log.ts";
import { functionKindAt } from "../../../tools/emulator/function-kind.ts";
import { evaluate, type Refer } from "../../infra/evaluate.ts";
import { type Resource, type Synthesized, type SynthesizedStack, synthesize } from "../../infra/synthesize.ts";
import { AccessFront } from "./access-front.ts";
import { FunctionProcess } from "./function-process.ts";

const ACCOUNT = "000000000000";
const REGION = "us-east-1";
const CREDENTIALS = { account: ACCOUNT, region: REGION };
/** What the template's names of queues begin with, and what those of the local server do. */
const PREFIX = /^sluicede-Sluice-[0-9A-F]{8}-/;
const LOCAL_PREFIX = "sluice-test-";
const SOCKETS_QUEUE = "Sluice/Sockets/Queue";

export interface StartOptions {
  /** Variables in place of those of the template. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * The functions of a template on local servers, each in a process of its own with the environment that the template
 * gives it. They call through a front that writes down what each asks for.
 */
export class LocalStack {
  readonly aws: LocalAws;
  readonly secrets: SecretsManager;
  /** Of the WebSocket API. */
  readonly connections: Connections;
  /** Failures of pollers: none are expected. */
  readonly errors: unknown[] = [];
  readonly #synthesized: Synthesized;
  readonly #appFile: string;
  readonly #front: AccessFront;
  readonly #frontUrl: string;
  readonly #keysArn: string;
  readonly #processes: FunctionProcess[] = [];
  readonly #pollers: LambdaPoller[] = [];

  private constructor(parts: {
    aws: LocalAws;
    secrets: SecretsManager;
    connections: Connections;
    synthesized: Synthesized;
    appFile: string;
    front: AccessFront;
    frontUrl: string;
    keysArn: string;
  }) {
    this.aws = parts.aws;
    this.secrets = parts.secrets;
    this.connections = parts.connections;
    this.#synthesized = parts.synthesized;
    this.#appFile = parts.appFile;
    this.#front = parts.front;
    this.#frontUrl = parts.frontUrl;
    this.#keysArn = parts.keysArn;
  }

  static async start(app: App, appFile: string): Promise<LocalStack> {
    const queues = [
      ...[...app.capabilities.keys()].map((name) => ({ name, topic: topics.requested(name) })),
      ...[...app.workflows.keys()].map((name) => ({ name: advanceQueue(name), topic: topics.advance(name) })),
      { name: WEBHOOKS, topic: topics.requested(WEBHOOKS) },
    ];
    const synthesized = synthesize({ context: { app: appFile, webhooksToLoopback: "true" }, credentials: CREDENTIALS });
    const aws = await startLocalAws({ queues });
    const secrets = new SecretsManager();
    const { dynamoDb: dynamodb, sqs, s3, eventBridge: events } = aws.endpoints;
    const connections = new Connections();
    const targets = { secretsmanager: await secrets.listen(), "execute-api": await connections.listen() };
    const front = new AccessFront({ dynamodb, sqs, s3, events, ...targets });
    const keysArn = secrets.create("keys", '{"keys":[]}');
    return new LocalStack({
      ...{ aws, secrets, connections, synthesized, appFile, front, keysArn },
      frontUrl: await front.listen(),
    });
  }

  /** Makes a secret that the stack looks up by its name. */
  createSecret(variable: string, value: string): void {
    const name = `sluice/dev/${variable}`;
    const arn = this.secrets.create(name, value);
    this.#front.aliases.set(arn.replace(/-\w{6}$/, ""), arn);
  }

  /** Starts the function at a path. Rejects where it does not start. */
  async start(path: string, { environment = {} }: StartOptions = {}): Promise<FunctionProcess> {
    const { properties } = this.#synthesized.app.at(path);
    const { Variables } = properties.Environment;
    const key = `KEY${this.#front.principals.size}`;
    this.#front.principals.set(key, { function: path, role: roleArn(path) });
    const started = await FunctionProcess.start(functionKindAt(path), {
      ...(this.#resolve(Variables) as Record<string, string>),
      ...("SLUICE_SOCKET_ENDPOINT" in Variables ? { SLUICE_SOCKET_ENDPOINT: `${this.#frontUrl}/live` } : {}),
      ...("SLUICE_QUEUE_URL_PREFIX" in Variables
        ? { SLUICE_QUEUE_URL_PREFIX: `${this.#frontUrl}/${ACCOUNT}/${LOCAL_PREFIX}` }
        : {}),
      AWS_ENDPOINT_URL: this.#frontUrl,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: key,
      AWS_SECRET_ACCESS_KEY: "secret",
      SLUICE_TEST_APP: this.#appFile,
      ...environment,
    });
    this.#processes.push(started);
    return started;
  }

  /** Starts a worker and brings it the messages of its queue. */
  startWorker(path: string, queue: string): Promise<void> {
    return this.#feed(path, this.aws.queueUrlPrefix + sqsSuffix(queue));
  }

  /**
   * Starts the function that sends to those who watch by WebSocket, and brings it what it is told. It has so little time that it
   * leaves off after each event.
   */
  startDelivery(): Promise<void> {
    return this.#feed("Sluice/Sockets/Delivery", this.aws.watchedQueueUrl, { SLUICE_TEST_TIMEOUT_MS: "1000" });
  }

  async #feed(path: string, queueUrl: string, environment: Record<string, string> = {}): Promise<void> {
    const worker = await this.start(path, { environment });
    const poller = new LambdaPoller({
      client: this.aws.clients.sqs,
      queueUrl,
      newContainer: () => (event) => worker.invoke(event) as never,
      batchSize: 10,
      maximumConcurrency: 1,
      visibilityS: 60,
      onError: (error) => this.errors.push(error),
    });
    poller.start();
    this.#pollers.push(poller);
  }

  /** What functions may do, what everything is called, and what functions have done so far. */
  lines(): AccessLine[] {
    const { data, app } = this.#synthesized;
    const roles = app.ofType("AWS::Lambda::Function").map(({ path }): AccessLine => {
      const roleId = app.at(`${path}Role`).id;
      const statements = app
        .ofType("AWS::IAM::Policy")
        .filter(({ properties }) => (properties.Roles as { Ref: string }[]).some(({ Ref }) => Ref === roleId))
        .flatMap(({ properties }) => this.#resolve(properties.PolicyDocument.Statement) as Statement[]);
      return { kind: "role", role: roleArn(path), function: path, statements };
    });
    const resources = [...data.resources, ...app.resources].flatMap((resource): AccessLine[] => {
      const arn = NAMED.includes(resource.type) ? this.#attribute(resource, "Arn") : undefined;
      return arn === undefined ? [] : [{ kind: "resource", arn, path: resource.path }];
    });
    return [...roles, ...resources, ...this.#front.calls];
  }

  async close(): Promise<void> {
    await Promise.all(this.#pollers.map((poller) => poller.stop()));
    await Promise.all(this.#processes.map((each) => each.stop()));
    await this.#front.close();
    await this.secrets.close();
    await this.connections.close();
    await this.aws.close();
  }

  #resolve(value: unknown): unknown {
    const { data, app } = this.#synthesized;
    const referIn =
      (stack: SynthesizedStack): Refer =>
      (id, attribute) => {
        if (attribute === "Import") {
          const outputs = Object.values(data.json.Outputs) as { Value: unknown; Export: { Name: string } }[];
          return evaluate(outputs.find(({ Export }) => Export.Name === id)?.Value, referIn(data)) as string;
        }
        const resource = stack.byId(id);
        if (resource) return this.#attribute(resource, attribute);
        if (id === "AWS::Partition") return "aws";
        if (id === "AWS::URLSuffix") return "amazonaws.com";
        throw new RangeError(`the test does not know what ${id} is`);
      };
    return evaluate(value, referIn(app));
  }

  /** What a resource is called here. */
  #attribute({ type, path, properties }: Resource, attribute: string): string {
    const { table, bucket, bus } = this.aws;
    const where = `${REGION}:${ACCOUNT}`;
    const queue =
      path === SOCKETS_QUEUE
        ? String(this.aws.watchedQueueUrl.split("/").at(-1))
        : LOCAL_PREFIX + String(properties.QueueName ?? path).replace(PREFIX, "");
    const known: Record<string, string> = {
      "AWS::DynamoDB::GlobalTable.Ref": table,
      "AWS::DynamoDB::GlobalTable.Arn": `arn:aws:dynamodb:${where}:table/${table}`,
      "AWS::S3::Bucket.Ref": bucket,
      "AWS::S3::Bucket.Arn": `arn:aws:s3:::${bucket}`,
      "AWS::Events::EventBus.Ref": bus,
      "AWS::Events::EventBus.Arn": `arn:aws:events:${where}:event-bus/${bus}`,
      "AWS::SecretsManager::Secret.Ref": this.#keysArn,
      "AWS::SecretsManager::Secret.Arn": this.#keysArn,
      "AWS::SQS::Queue.Ref": `${this.#frontUrl}/${ACCOUNT}/${queue}`,
      "AWS::SQS::Queue.Arn": `arn:aws:sqs:${where}:${queue}`,
      "AWS::ApiGatewayV2::Api.Ref": "sockets",
      "AWS::ApiGatewayV2::Stage.Ref": "live",
      "AWS::Logs::LogGroup.Arn": `arn:aws:logs:${where}:log-group:${path}:*`,
      "Custom::SluiceDeployment.DeploySeq": "2",
    };
    const found = known[`${type}.${attribute}`];
    if (found !== undefined) return found;
    throw new RangeError(`the test does not know what ${attribute} of ${path} (${type}) is`);
  }
}

/** What roles name; a report has the path of each. */
const NAMED = [
  "AWS::DynamoDB::GlobalTable",
  "AWS::S3::Bucket",
  "AWS::Events::EventBus",
  "AWS::SecretsManager::Secret",
  "AWS::SQS::Queue",
  "AWS::Logs::LogGroup",
];

const roleArn = (path: string): string => `arn:aws:iam::${ACCOUNT}:role/${path}`;

export const APP_FILE = join(import.meta.dirname, "app.ts");
export const LATER_APP_FILE = join(import.meta.dirname, "later-app.ts");
