import { topics } from "../../src/contract/messages.ts";
import { openAwsEngine } from "../../src/engines/aws/aws-engine.ts";
import { testWorkQueue } from "../../src/testing/contracts/work-queue.ts";
import { startLocalAws } from "../../src/testing/local-aws/local-aws.ts";

const topic = topics.requested("work");

// Ages come from CloudWatch, and turns of tenants from SQS itself: fauxqs has neither.
testWorkQueue(
  "aws on fauxqs",
  async () => {
    const aws = await startLocalAws({ queues: [{ name: "work", topic }] });
    const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    return { ...openAwsEngine({ ...aws, deploySeq: 1 }), queueName: "work", topic, wait, close: () => aws.close() };
  },
  { fair: false, ages: false, realTime: true },
);
