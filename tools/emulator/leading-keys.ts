import { TABLE } from "../../src/engines/aws/table-schema.ts";
import type { CallLine } from "./access-log.ts";

interface Input {
  readonly Key?: Readonly<Record<string, { readonly S?: string }>>;
  readonly Item?: Readonly<Record<string, { readonly S?: string }>>;
}

/**
 * What conditions of our roles can ask about a call of DynamoDB that is for one item: whose partition it is in. Undefined for
 * queries and transactions.
 *
 * @param input the request, as its SDK has it
 */
export function leadingKeys(input: unknown): CallLine["context"] {
  const { Key, Item } = (input ?? {}) as Input;
  const leading = (Key ?? Item)?.[TABLE.partitionKey]?.S;
  return leading === undefined ? undefined : { "dynamodb:LeadingKeys": [leading] };
}
