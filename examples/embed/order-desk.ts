import { join } from "node:path";
import { CfnOutput, RemovalPolicy, Stack } from "aws-cdk-lib";
import { AttributeType, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { Sluice, SluiceData } from "sluice/cdk";

/** A shop's own stack: its orders, and an instance of Sluice that answers questions about them. */
export class OrderDesk extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const orders = new TableV2(this, "Orders", {
      partitionKey: { name: "orderId", type: AttributeType.STRING },
      // An example leaves nothing behind. Yours would retain both, each in a stack of its own.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const data = new SluiceData(this, "Data", { retain: false });
    const sluice = new Sluice(this, "Ai", { app: join(import.meta.dirname, "sluice.ts"), stage: "order-desk", data });

    // One worker knows the table and may read it; no other function does.
    const lookup = sluice.worker("order-lookup");
    orders.grantReadData(lookup);
    lookup.addEnvironment("ORDERS_TABLE", orders.tableName);

    // A rule of the shop's own: whatever it wants to do with an answer starts from this queue.
    const answered = new Queue(this, "Answered");
    new Rule(this, "OnAnswer", {
      eventBus: data.bus,
      eventPattern: { source: ["sluice"], detailType: ["ai.order-help.completed"] },
      targets: [new SqsQueue(answered)],
    });

    new CfnOutput(this, "OrdersTable", { value: orders.tableName });
    new CfnOutput(this, "AnsweredQueueUrl", { value: answered.queueUrl });
  }
}
