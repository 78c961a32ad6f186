import { type DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { DEPLOYMENTS_KEY, TABLE } from "../../src/engines/aws/table-schema.ts";

export interface DeploymentCounter {
  readonly client: DynamoDBClient;
  readonly tableName: string;
}

/** The number of this deployment: greater than that of any before it, also where code goes back to what it was (rule 7). */
export async function countDeployment({ client, tableName }: DeploymentCounter): Promise<number> {
  const { Attributes } = await client.send(
    new UpdateItemCommand({
      TableName: tableName,
      Key: { [TABLE.partitionKey]: { S: DEPLOYMENTS_KEY }, [TABLE.sortKey]: { S: "counter" } },
      UpdateExpression: "ADD n :one",
      ExpressionAttributeValues: { ":one": { N: "1" } },
      ReturnValues: "UPDATED_NEW",
    }),
  );
  const count = Number(Attributes?.n?.N);
  if (!Number.isSafeInteger(count)) throw new TypeError(`the counter of deployments is no number: ${Attributes?.n?.N}`);
  return count;
}
