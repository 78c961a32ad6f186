import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { CfnRule, EventField, type IEventBus, Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { Queue, QueueEncryption, RedrivePermission } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { EVENT_SOURCE } from "../src/contract/messages.ts";
import { sqsDeadLetterQueueName, sqsQueueName } from "../src/contract/queue-names.ts";
import { MAX_RECEIVES } from "../src/core/ports.ts";
import { acknowledgeDeadLetters } from "./feed.ts";

export interface TopicQueueProps {
  readonly bus: IEventBus;
  /** The detail-type whose messages come into this queue. */
  readonly topic: string;
  /** Core's name of the queue. */
  readonly name: string;
  /** What names of the instance's queues begin with. */
  readonly prefix: string;
  /** For which a consumer holds a message: not less than its function's timeout. */
  readonly visibilityTimeout: Duration;
}

/** A message counts its age from when it was first sent, in its dead letters, too (rule 16 of the job protocol). */
const RETENTION = Duration.days(4);
const DEAD_LETTER_RETENTION = Duration.days(14);

/** A topic's queue: what its rule brings, fairly among tenants; what cannot be handled waits in its dead letters. */
export class TopicQueue extends Construct {
  readonly queue: Queue;
  /** What a worker gave up, and what was received too often. A person looks at it. */
  readonly deadLetters: Queue;
  /** What the rule could not bring to the queue: nothing, unless the queue's policy was changed. */
  readonly undelivered: Queue;

  constructor(scope: Construct, id: string, props: TopicQueueProps) {
    super(scope, id);
    const { bus, topic, name, prefix, visibilityTimeout } = props;
    const common = {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // Messages only say where to look: logs have it all. A queue that stayed would keep its name from the next one, after
      // a deployment that was rolled back, or when a capability comes again.
      removalPolicy: RemovalPolicy.DESTROY,
    };
    this.deadLetters = new Queue(this, "DeadLetters", {
      ...common,
      queueName: sqsDeadLetterQueueName(prefix, name),
      retentionPeriod: DEAD_LETTER_RETENTION,
    });
    this.queue = new Queue(this, "Queue", {
      ...common,
      queueName: sqsQueueName(prefix, name),
      retentionPeriod: RETENTION,
      visibilityTimeout,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    this.undelivered = new Queue(this, "Undelivered", {
      ...common,
      retentionPeriod: DEAD_LETTER_RETENTION,
      redriveAllowPolicy: { redrivePermission: RedrivePermission.DENY_ALL },
    });
    for (const dead of [this.deadLetters, this.undelivered]) acknowledgeDeadLetters(dead);
    const rule = new Rule(this, "Rule", {
      eventBus: bus,
      description: `Brings ${topic} to its queue`,
      eventPattern: { source: [EVENT_SOURCE], detailType: [topic] },
      targets: [
        new SqsQueue(this.queue, {
          // Makes it a fair queue: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
          messageGroupId: EventField.fromPath("$.detail.tenant"),
          deadLetterQueue: this.undelivered,
        }),
      ],
    });
    const resource = rule.node.defaultChild;
    // What an archive replays is for people: work must not be done again by it (rule 19).
    if (resource instanceof CfnRule) {
      resource.addPropertyOverride("EventPattern.replay-name", [{ exists: false }]);
    }
  }
}
