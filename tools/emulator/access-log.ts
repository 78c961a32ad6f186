import { z } from "zod";

const OneOrMore = z.union([z.string(), z.array(z.string())]);

/** A statement of a role's policies, its references resolved, as IAM's API shows it. */
export const Statement = z.strictObject({
  // An id says nothing. What is not here, such as NotAction, we do not use: it is an error rather than overlooked.
  Sid: z.string().optional(),
  Effect: z.enum(["Allow", "Deny"]),
  Action: OneOrMore,
  Resource: OneOrMore,
  Condition: z.record(z.string(), z.record(z.string(), OneOrMore)).optional(),
});

/** A call of AWS that a function made under its role. */
export const CallLine = z.object({
  kind: z.literal("call"),
  /** In epoch ms. */
  time: z.number(),
  /** The function's name, or its construct's path. */
  function: z.string(),
  /** The role's ARN. */
  role: z.string(),
  /** As IAM calls it, such as `sqs:DeleteMessage`. */
  action: z.string(),
  /** An ARN; `*` for an action that has no resources. */
  resource: z.string(),
  /** What conditions can ask about. Without it none can be judged. */
  context: z.record(z.string(), OneOrMore).optional(),
  /** What was answered by who enforces roles; true where nobody does. */
  allowed: z.boolean(),
});

/** What a function's role may do. */
export const RoleLine = z.object({
  kind: z.literal("role"),
  /** Its ARN. */
  role: z.string(),
  /** Its function's construct's path, such as `Sluice/Api/Submit`. */
  function: z.string(),
  statements: z.array(Statement),
});

/** What an ARN is in the stack: reports then say `<Data/Table>` for it. */
export const ResourceLine = z.object({ kind: z.literal("resource"), arn: z.string(), path: z.string() });

const Line = z.discriminatedUnion("kind", [CallLine, RoleLine, ResourceLine]);

export type Statement = z.infer<typeof Statement>;
export type CallLine = z.infer<typeof CallLine>;
export type RoleLine = z.infer<typeof RoleLine>;
export type ResourceLine = z.infer<typeof ResourceLine>;
export type AccessLine = z.infer<typeof Line>;

/** The lines of a file of JSON lines. Throws, with the number of the line, for one that is none of ours. */
export function parseAccessLog(text: string): AccessLine[] {
  return text.split("\n").flatMap((line, n) => {
    if (line.trim() === "") return [];
    try {
      return [Line.parse(JSON.parse(line))];
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
      throw new SyntaxError(`line ${n + 1} of the access log: ${why}; got ${line.slice(0, 200)}`, { cause: error });
    }
  });
}
