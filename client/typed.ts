import type { Json } from "./wire.ts";

/** A schema of the Standard Schema kind (standardschema.dev), of which only the types count: zod's are. */
interface TypedSchema {
  readonly "~standard": { readonly types?: { readonly input: unknown; readonly output: unknown } | undefined };
}

/** What a client has to know of a workflow, all of it types: `client.job<typeof analysis>(id)` brings none of its code along. */
export interface WorkflowShape {
  readonly name: string;
  readonly input: TypedSchema;
  readonly output: TypedSchema;
}

/** Stands for a workflow that the caller does not name: takes anything, gives JSON. */
export interface AnyWorkflow {
  readonly name: string;
  readonly input: { readonly "~standard": { readonly types?: { readonly input: unknown; readonly output: unknown } } };
  readonly output: { readonly "~standard": { readonly types?: { readonly input: Json; readonly output: Json } } };
}

type TypesOf<S extends TypedSchema> = NonNullable<S["~standard"]["types"]>;

export type NameOf<W extends WorkflowShape> = W["name"];
/** What a caller gives: before defaults and transformations. */
export type InputOf<W extends WorkflowShape> = TypesOf<W["input"]>["input"];
/** What a caller gets. */
export type OutputOf<W extends WorkflowShape> = TypesOf<W["output"]>["output"];
