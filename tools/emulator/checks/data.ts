import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
} from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, ListArchivesCommand } from "@aws-sdk/client-eventbridge";
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { JOBS_PREFIX } from "../../../src/contract/bucket-keys.ts";
import { s3Client } from "../../../src/engines/aws/aws-clients.ts";
import { JOBS_INDEX, TABLE, WAKE_INDEX } from "../../../src/engines/aws/table-schema.ts";
import { type Check, type Deployment, differs } from "./check.ts";

const OBJECT_DAYS = 45;
const ARCHIVE_DAYS = 30;
const dynamoDb = new DynamoDBClient({});
const events = new EventBridgeClient({});
const s3 = s3Client();

const tableOf = (deployment: Deployment) => ({ TableName: deployment.only("AWS::DynamoDB::GlobalTable").physicalId });
const bucketOf = (deployment: Deployment) => ({ Bucket: deployment.only("AWS::S3::Bucket").physicalId });

export const dataChecks: readonly Check[] = [
  {
    what: "the table is on demand, has its indexes, and is protected where it is kept",
    async violations(deployment) {
      const { Table } = await dynamoDb.send(new DescribeTableCommand(tableOf(deployment)));
      const indexes = (Table?.GlobalSecondaryIndexes ?? []).map(({ IndexName }) => IndexName).sort();
      return [
        ...differs("billing", Table?.BillingModeSummary?.BillingMode, "PAY_PER_REQUEST"),
        ...differs("indexes", indexes, [JOBS_INDEX.name, WAKE_INDEX.name].sort()),
        ...differs("deletion protection", Table?.DeletionProtectionEnabled ?? false, deployment.retained),
      ];
    },
  },
  {
    what: "items expire by their time to live",
    async violations(deployment) {
      const { TimeToLiveDescription } = await dynamoDb.send(new DescribeTimeToLiveCommand(tableOf(deployment)));
      const { TimeToLiveStatus, AttributeName } = TimeToLiveDescription ?? {};
      return differs("time to live", [TimeToLiveStatus, AttributeName], ["ENABLED", TABLE.timeToLive]);
    },
  },
  {
    what: "the table can be brought back to any moment",
    async violations(deployment) {
      const { ContinuousBackupsDescription: backups } = await dynamoDb.send(
        new DescribeContinuousBackupsCommand(tableOf(deployment)),
      );
      const status = backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
      return differs("point-in-time recovery", status, "ENABLED");
    },
  },
  {
    what: `objects of jobs go after ${OBJECT_DAYS} days, and uploads that were given up`,
    async violations(deployment) {
      const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand(bucketOf(deployment)));
      const days = Rules.map(({ Filter, Expiration, AbortIncompleteMultipartUpload }) => [
        Filter?.Prefix ?? "",
        Expiration?.Days ?? AbortIncompleteMultipartUpload?.DaysAfterInitiation,
      ]);
      return differs("days", days, [
        [JOBS_PREFIX, OBJECT_DAYS],
        ["", 1],
      ]);
    },
  },
  {
    what: "the bucket is encrypted, not public, and wants TLS",
    async violations(deployment) {
      const bucket = bucketOf(deployment);
      const { PublicAccessBlockConfiguration: block = {} } = await s3.send(new GetPublicAccessBlockCommand(bucket));
      const { ServerSideEncryptionConfiguration: encryption } = await s3.send(new GetBucketEncryptionCommand(bucket));
      const { Policy = "" } = await s3.send(new GetBucketPolicyCommand(bucket));
      const algorithms = encryption?.Rules?.map((rule) => rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm);
      return [
        ...differs("public access is blocked", Object.values(block), [true, true, true, true]),
        ...differs("encryption", algorithms, ["AES256"]),
        ...differs("speaks of TLS", Policy.includes("aws:SecureTransport"), true),
      ];
    },
  },
  {
    what: `what was published is kept for ${ARCHIVE_DAYS} days`,
    async violations(deployment) {
      const bus = deployment.only("AWS::Events::EventBus").physicalId;
      const { Archives = [] } = await events.send(new ListArchivesCommand({}));
      const ours = Archives.filter(({ EventSourceArn = "" }) => EventSourceArn.endsWith(`/${bus}`));
      const kept = ours.map(({ State, RetentionDays }) => [State, RetentionDays]);
      return differs("archive", kept, [["ENABLED", ARCHIVE_DAYS]]);
    },
  },
];
