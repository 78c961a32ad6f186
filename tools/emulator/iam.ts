import type { CallLine, Statement } from "./access-log.ts";

export type Request = Pick<CallLine, "action" | "resource" | "context">;

/** Whether a statement's condition holds; "unknown" where that cannot be told from here. */
export type Verdict = "yes" | "no" | "unknown";

/**
 * Whether statements allow a request: at least one does, none forbids it
 * (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). A condition that cannot be judged
 * is taken for one that lets the request through: it then is the emulator's or AWS's part.
 */
export function permits(statements: readonly Statement[], request: Request): boolean {
  const speaking = statements.filter((statement) => covers(statement, request));
  const verdicts = (effect: Statement["Effect"]): Verdict[] =>
    speaking.filter(({ Effect }) => Effect === effect).map(({ Condition }) => holds(Condition, request.context));
  return !verdicts("Deny").includes("yes") && verdicts("Allow").some((verdict) => verdict !== "no");
}

/** Whether a statement speaks of a request, whatever its condition. */
export function covers(statement: Statement, { action, resource }: Request): boolean {
  return (
    listOf(statement.Action).some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
    listOf(statement.Resource).some((pattern) => matches(pattern, resource))
  );
}

/** `*` stands for any characters, also none, and `?` for one; everything else for itself. */
export function matches(pattern: string, text: string): boolean {
  const escaped = pattern.replaceAll(/[\\^$.|+()[\]{}]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "s").test(text);
}

/** All of a condition's operators, and all keys of each, must hold. Those that our roles do not use are "unknown". */
export function holds(condition: Statement["Condition"], context: Request["context"]): Verdict {
  const verdicts = Object.entries(condition ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, allowed]): Verdict => {
      if (context === undefined) return "unknown";
      // Keys are the same in any case of their letters.
      const actual = Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
      return compareKey(operator, listOf(allowed), actual);
    }),
  );
  if (verdicts.includes("no")) return "no";
  return verdicts.includes("unknown") ? "unknown" : "yes";
}

function compareKey(
  operator: string,
  allowed: readonly string[],
  actual: string | readonly string[] | undefined,
): Verdict {
  const isAllowed = (value: string): boolean => allowed.includes(value);
  switch (operator) {
    case "StringEquals":
      return actual !== undefined && listOf(actual).some(isAllowed) ? "yes" : "no";
    case "ForAllValues:StringEquals":
      // Without the key there is no value that is wrong.
      return listOf(actual ?? []).every(isAllowed) ? "yes" : "no";
    case "ForAllValues:StringLike":
      return listOf(actual ?? []).every((value) => allowed.some((pattern) => matches(pattern, value))) ? "yes" : "no";
    default:
      return "unknown";
  }
}

export const listOf = (value: string | readonly string[]): readonly string[] =>
  typeof value === "string" ? [value] : value;
