import { type JsonSchema, JsonSchemaVersion } from "aws-cdk-lib/aws-apigateway";
import { z } from "zod";
import { Json } from "../src/contract/json.ts";

/**
 * A body's schema as API Gateway takes it: JSON Schema draft 4, without what recurs, since "any JSON" is no schema
 * (docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html). What it lets through is checked
 * again, and told in more detail, by the handler.
 */
export function bodySchema(body: z.ZodType): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(body, {
    target: "draft-4",
    io: "input",
    reused: "inline",
    override({ zodSchema, jsonSchema }) {
      if (isJson(zodSchema))
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as keyof typeof jsonSchema];
      delete jsonSchema.id;
    },
  });
  return { ...(schema as JsonSchema), schema: JsonSchemaVersion.DRAFT4 };
}

const isJson = (schema: unknown): boolean => schema === Json;
