import { JOBS_INDEX, JOBS_INDEX_ATTRIBUTES, TABLE, WAKE_INDEX } from "../../engines/aws/table-schema.ts";

/** An attribute as the SDK has it, or as it is on the wire, where bytes are Base64. */
export interface Attribute {
  readonly S?: string | undefined;
  readonly N?: string | undefined;
  readonly B?: Uint8Array | string | undefined;
}
export type Attributes = Readonly<Record<string, Attribute>>;

/** Of a PutItem or an UpdateItem, what tells its size and which indexes it writes to. */
export interface Write {
  readonly Item?: Attributes;
  readonly UpdateExpression?: string;
}

const WRITE_UNIT_BYTES = 1_024;
const READ_UNIT_BYTES = 4_096;

/** An item's size in bytes, names included (docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html). */
export function itemBytes(item: Attributes): number {
  return Object.entries(item).reduce((sum, [name, { S, N, B }]) => {
    if (B !== undefined) return sum + name.length + (typeof B === "string" ? Buffer.byteLength(B, "base64") : B.length);
    return sum + name.length + (N === undefined ? Buffer.byteLength(S ?? "") : Math.ceil(N.length / 2) + 1);
  }, 0);
}

/** Units that writing so many bytes takes: each begun KB, at least one. */
export const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));

/** Units that reading so many bytes by one query takes; one that finds nothing is billed as the smallest. */
export const readUnits = (bytes: number, consistent: boolean): number =>
  Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (consistent ? 1 : 0.5);

/**
 * What a write consumes of the indexes, each of whose items is below 1 KB: one unit where an item comes, goes, or changes
 * what the index copies; two where its key changes (…/developerguide/GSI.html, "Write capacity units").
 */
export function indexUnits({ Item, UpdateExpression }: Write): number {
  if (Item) return Number(JOBS_INDEX.partitionKey in Item) + Number(WAKE_INDEX.partitionKey in Item);
  if (UpdateExpression === undefined) return 0;
  const moves = /#due = /.test(UpdateExpression);
  return 1 + (moves ? 2 : 1);
}

/** Bytes of the copy that the list of jobs keeps of an item; the other index loses its copy when the job ends. */
export function indexCopyBytes(item: Attributes): number {
  if (!(JOBS_INDEX.partitionKey in item)) return 0;
  const copied: readonly string[] = [
    TABLE.partitionKey,
    TABLE.sortKey,
    JOBS_INDEX.partitionKey,
    JOBS_INDEX.sortKey,
    ...JOBS_INDEX_ATTRIBUTES,
  ];
  return itemBytes(Object.fromEntries(Object.entries(item).filter(([name]) => copied.includes(name))));
}
