import { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";

/**
 * The SDK would wait for minutes. A call that has not answered within this is worth another try on another connection,
 * for which a function of the API, which lives for 15 s, must have the time; objects of some megabytes do not take longer.
 * Or it is the message's turn again (docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/configuring-timeouts).
 */
const SHORT = {
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  maxAttempts: 4,
} as const;
/** What is worth sending now or not at all. */
const ONCE = {
  requestHandler: { connectionTimeout: 500, requestTimeout: 1_000, throwOnRequestTimeout: true },
  maxAttempts: 1,
} as const;
/** A person's tool that sends one large object over a line of any speed. */
const PATIENT = { requestHandler: { connectionTimeout: 5_000, requestTimeout: 900_000 }, maxAttempts: 4 } as const;

export interface ClientOptions {
  /** @default the environment's */
  readonly region?: string;
  /** @default the environment's */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface AwsClients {
  readonly dynamoDb: DynamoDBClient;
  readonly eventBridge: EventBridgeClient;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
}

// Region, credentials and endpoints (`AWS_ENDPOINT_URL…`) come from the environment, as the SDK reads it.
export const sqsClient = (): SQSClient => new SQSClient(SHORT);
export const dynamoDbClient = (): DynamoDBClient => new DynamoDBClient(SHORT);
export const secretsClient = (options: ClientOptions = {}): SecretsManagerClient =>
  new SecretsManagerClient({ ...SHORT, ...options });
export const cloudWatchClient = (): CloudWatchClient => new CloudWatchClient(SHORT);

/** @param endpoint of a stage of a WebSocket API @param once makes one attempt, of a second, in place of four */
export const socketsClient = (
  endpoint: string,
  { once = false, ...options }: ClientOptions & { readonly once?: boolean } = {},
): ApiGatewayManagementApiClient =>
  new ApiGatewayManagementApiClient({ ...(once ? ONCE : SHORT), ...options, endpoint });

/** A local server has no host name per bucket. */
export function s3Client({
  patient = false,
  ...options
}: ClientOptions & { readonly patient?: boolean } = {}): S3Client {
  const local = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return new S3Client({ ...(patient ? PATIENT : SHORT), ...options, forcePathStyle: local !== undefined });
}

export function awsClients(): AwsClients {
  return {
    dynamoDb: dynamoDbClient(),
    eventBridge: new EventBridgeClient(SHORT),
    sqs: sqsClient(),
    s3: s3Client(),
  };
}
