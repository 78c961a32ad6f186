import { CfnResource, Duration, RemovalPolicy, SecretValue, Stack } from "aws-cdk-lib";
import { AttributeType, Billing, ProjectionType, TableEncryptionV2, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { BlockPublicAccess, Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3";
import { Secret } from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";
import { CORPUS_KEY, JOBS_PREFIX } from "../src/contract/bucket-keys.ts";
import { EVENT_SOURCE } from "../src/contract/messages.ts";
import {
  BURNED_TICKETS_PREFIX,
  CIRCUITS_KEY,
  DEPLOYMENTS_KEY,
  JOB_RECORDS_PREFIX,
  JOBS_INDEX,
  JOBS_INDEX_ATTRIBUTES,
  LIMITS_PREFIX,
  LOGS_PREFIX,
  RECORDS_PREFIX,
  SUBSCRIBERS_PREFIX,
  setKey,
  TABLE,
  TENANT_RECORDS_PREFIX,
  TICKET_KEY_KEY,
  WAKE_INDEX,
  WAKE_INDEX_ATTRIBUTES,
} from "../src/engines/aws/table-schema.ts";
import { acknowledge, acknowledgeWildcard } from "./acknowledge.ts";
import { allow } from "./allow.ts";

export interface SluiceDataProps {
  /** Keep everything when the stack is removed. Without it, removing the stack removes all jobs. @default true */
  readonly retain?: boolean;
  /** How long the bus keeps what was published, for replay. @default 30 days */
  readonly archiveRetention?: Duration;
  /**
   * After which objects of jobs are deleted from the bucket: not before a job's deadline and retention, as the app has
   * them, are over. Jobs in the table are deleted by their own time.
   *
   * @default 45 days: 14 days, the longest deadline that a caller may ask for, 30 days of retention, one more
   */
  readonly objectRetention?: Duration;
}

/** What must outlive deployments: logs of jobs, large values, keys, and the archive of what was published. */
export class SluiceData extends Construct {
  readonly table: TableV2;
  readonly bucket: Bucket;
  readonly bus: EventBus;
  /** Hashes of the API's keys. */
  readonly keys: Secret;
  /** See `SluiceDataProps`. */
  readonly objectRetention: Duration;
  readonly removalPolicy: RemovalPolicy;

  constructor(scope: Construct, id: string, props: SluiceDataProps = {}) {
    super(scope, id);
    const { retain = true, archiveRetention = Duration.days(30), objectRetention = Duration.days(45) } = props;
    const removalPolicy = retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.removalPolicy = removalPolicy;
    this.objectRetention = objectRetention;
    this.table = new TableV2(this, "Table", {
      partitionKey: { name: TABLE.partitionKey, type: AttributeType.STRING },
      sortKey: { name: TABLE.sortKey, type: AttributeType.STRING },
      timeToLiveAttribute: TABLE.timeToLive,
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: retain,
      removalPolicy,
      globalSecondaryIndexes: [
        {
          indexName: JOBS_INDEX.name,
          partitionKey: { name: JOBS_INDEX.partitionKey, type: AttributeType.STRING },
          sortKey: { name: JOBS_INDEX.sortKey, type: AttributeType.STRING },
          projectionType: ProjectionType.INCLUDE,
          nonKeyAttributes: [...JOBS_INDEX_ATTRIBUTES],
        },
        {
          indexName: WAKE_INDEX.name,
          partitionKey: { name: WAKE_INDEX.partitionKey, type: AttributeType.STRING },
          sortKey: { name: WAKE_INDEX.sortKey, type: AttributeType.NUMBER },
          projectionType: ProjectionType.INCLUDE,
          nonKeyAttributes: [...WAKE_INDEX_ATTRIBUTES],
        },
      ],
    });
    this.bucket = new Bucket(this, "Bucket", {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy,
      autoDeleteObjects: !retain,
      lifecycleRules: [
        { prefix: JOBS_PREFIX, expiration: objectRetention },
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
    acknowledge(
      this.bucket,
      "AwsSolutions-S1",
      "Only the instance's own functions read this bucket; a log of their reads would cost more than the objects. CloudTrail data events can be switched on where they are asked for",
    );
    this.bus = new EventBus(this, "Bus", { description: "Events of Sluice: what was asked for and what has ended" });
    const archive = this.bus.archive("Archive", {
      description: "What was published, for replay. Rules that move work do not listen to replays",
      eventPattern: { source: [EVENT_SOURCE] },
      retention: archiveRetention,
    });
    // A bus has a name of its own: one that stayed from a first deployment that failed would keep it from the next try.
    const named = retain ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    archive.applyRemovalPolicy(named);
    this.bus.applyRemovalPolicy(named);
    this.keys = new Secret(this, "Keys", {
      description: "Hashes of the keys that callers of the API send, each with its tenant. `npm run key` adds one",
      // No secret: there is no key, so nobody gets in. CloudFormation writes it once and never again.
      secretStringValue: SecretValue.unsafePlainText('{"keys":[]}'),
      removalPolicy,
    });
    acknowledge(
      this.keys,
      "AwsSolutions-SMG4",
      "It holds hashes of keys, which cannot be rotated without their holders; keys are added and revoked by npm run key",
    );
    if (!retain) tidyAutoDelete(this);
  }

  get #jobObjects(): string {
    return this.bucket.arnForObjects(`${JOBS_PREFIX}*`);
  }

  /** Read logs of jobs, snapshots and large values. */
  grantReadJobs(fn: IFunction): void {
    this.grantReadLogs(fn);
    allow(fn, ["s3:GetObject"], this.#jobObjects);
    acknowledgeWildcard(fn, this.#jobObjects, "Objects of jobs are named by the job and by what is in them");
  }

  /** Write to logs, and bring out what follows from that. */
  grantBeginJobs(fn: IFunction): void {
    this.grantReadJobs(fn);
    this.#allowItems(fn, ["dynamodb:PutItem"], `${LOGS_PREFIX}*`);
    allow(fn, ["s3:PutObject"], this.#jobObjects);
    allow(fn, ["events:PutEvents"], this.bus.eventBusArn);
  }

  /** Bring jobs forward to their end: a job's head, which is in its first item, is changed where its status does. */
  grantWriteJobs(fn: IFunction): void {
    this.grantBeginJobs(fn);
    this.#allowItems(fn, ["dynamodb:UpdateItem"], `${LOGS_PREFIX}*`);
  }

  /** Know whom a tenant's jobs to come are told. */
  grantReadFollowers(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:Query"], `${TENANT_RECORDS_PREFIX}*`);
  }

  /** Know what was sent of jobs. */
  grantReadDeliveries(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:Query"], `${JOB_RECORDS_PREFIX}*`);
  }

  /** Keep buckets, circuits and sets of who is at work. */
  grantLimits(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:Query", "dynamodb:UpdateItem"], `${LIMITS_PREFIX}*`);
  }

  /** Take places in one set of those who read, and give them back. */
  grantPlaces(fn: IFunction, set: "streams" | "waits"): void {
    const key = { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [setKey(set)] } };
    allow(fn, ["dynamodb:Query", "dynamodb:UpdateItem"], this.table.tableArn, key);
  }

  /** Read and change records beside the logs, also what tenants keep secret, and write to no log. */
  grantRecords(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:Query", "dynamodb:UpdateItem"], `${RECORDS_PREFIX}*`);
  }

  /** Remove a tenant's records, and no item of a job. */
  grantRemoveRecords(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:DeleteItem"], `${TENANT_RECORDS_PREFIX}*`);
  }

  /** Know the key that tickets are signed with. */
  grantReadTicketKey(fn: IFunction): void {
    const key = { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [TICKET_KEY_KEY] } };
    allow(fn, ["dynamodb:GetItem"], this.table.tableArn, key);
  }

  /** Make that key, where there is none. */
  grantMakeTicketKey(fn: IFunction): void {
    const key = { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [TICKET_KEY_KEY] } };
    allow(fn, ["dynamodb:PutItem"], this.table.tableArn, key);
  }

  /** Use tickets up, and write nothing else. */
  grantBurnTickets(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:PutItem"], `${BURNED_TICKETS_PREFIX}*`);
  }

  /** Read logs, and nothing else that is in the table. */
  grantReadLogs(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:Query"], `${LOGS_PREFIX}*`);
  }

  /** Look at circuits, and at no job. */
  grantReadCircuits(fn: IFunction): void {
    const key = { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [CIRCUITS_KEY] } };
    allow(fn, ["dynamodb:Query"], this.table.tableArn, key);
  }

  /** Keep who is connected and what they subscribe to, and write to no job. */
  grantSubscriptions(fn: IFunction): void {
    this.grantReadSubscriptions(fn);
    this.#allowItems(fn, ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], `${SUBSCRIBERS_PREFIX}*`);
  }

  /** Know who watches a job. */
  grantReadSubscriptions(fn: IFunction): void {
    this.#allowItems(fn, ["dynamodb:Query"], `${SUBSCRIBERS_PREFIX}*`);
  }

  /** @param partition what its partition must be like for an item to be touched */
  #allowItems(fn: IFunction, actions: readonly string[], partition: string): void {
    const key = { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [partition] } };
    allow(fn, actions, this.table.tableArn, key);
  }

  /** Find a tenant's jobs. */
  grantList(fn: IFunction): void {
    allow(fn, ["dynamodb:Query"], `${this.table.tableArn}/index/${JOBS_INDEX.name}`);
  }

  /** Find jobs whose time has come. */
  grantWakeUps(fn: IFunction): void {
    allow(fn, ["dynamodb:Query"], `${this.table.tableArn}/index/${WAKE_INDEX.name}`);
  }

  /** Count deployments, and touch no other item of the table. */
  grantCountDeployments(fn: IFunction): void {
    const key = { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [DEPLOYMENTS_KEY] } };
    allow(fn, ["dynamodb:UpdateItem"], this.table.tableArn, key);
  }

  /** Search the documents. */
  grantReadCorpus(fn: IFunction): void {
    allow(fn, ["s3:GetObject"], this.bucket.arnForObjects(CORPUS_KEY));
  }

  /** Know whose a key is. */
  grantReadKeys(fn: IFunction): void {
    allow(fn, ["secretsmanager:GetSecretValue"], this.keys.secretArn);
  }
}

/** The function that empties the bucket when a stack is removed is the CDK's own. */
function tidyAutoDelete(scope: Construct): void {
  const stack = Stack.of(scope);
  const provider = stack.node.tryFindChild("Custom::S3AutoDeleteObjectsCustomResourceProvider");
  if (provider === undefined) return;
  const handler = provider.node.tryFindChild("Handler");
  if (handler instanceof CfnResource && provider.node.tryFindChild("Logs") === undefined) {
    // The one that Lambda would make by itself stays when everything else has gone.
    const logs = new LogGroup(provider, "Logs", {
      retention: RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    handler.addPropertyOverride("LoggingConfig", { LogGroup: logs.logGroupName });
  }
  const reason = "A custom resource of the CDK, in stacks whose data is not retained";
  acknowledge(
    provider,
    "AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
    reason,
  );
  acknowledge(provider, "AwsSolutions-L1", reason);
}
