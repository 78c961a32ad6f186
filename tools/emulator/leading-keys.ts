import { TABLE } from "../../src/engines/aws/table-schema.ts";
import type { CallLine } from "./access-log.ts";

type Values = Readonly<Record<string, { readonly S?: string }>>;

interface Input {
  readonly Key?: Values;
  readonly Item?: Values;
  readonly KeyConditionExpression?: string;
  readonly ExpressionAttributeValues?: Values;
}

/** Of our queries of the table itself: those of an index name its key by a placeholder. */
const PARTITION = new RegExp(`^${TABLE.partitionKey} = (:\\w+)`);

/**
 * What conditions of our roles can ask about a call of DynamoDB that is for one item or one partition of the table: which
 * that is. Undefined for queries of an index and for transactions.
 *
 * @param input the request, as its SDK has it
 */
export function leadingKeys(input: unknown): CallLine["context"] {
  const { Key, Item, KeyConditionExpression = "", ExpressionAttributeValues } = (input ?? {}) as Input;
  const [, placeholder = ""] = PARTITION.exec(KeyConditionExpression) ?? [];
  const leading = (Key ?? Item)?.[TABLE.partitionKey]?.S ?? ExpressionAttributeValues?.[placeholder]?.S;
  return leading === undefined ? undefined : { "dynamodb:LeadingKeys": [leading] };
}
