/** What a template's `Ref` and `Fn::GetAtt` stand for. An attribute of "Ref" is a `Ref`. */
export type Refer = (logicalId: string, attribute: string) => string;

/**
 * What CloudFormation would make of a value of a template, for the intrinsics that ours have. Throws for any other: a
 * test then says what it has to learn.
 */
export function evaluate(value: unknown, refer: Refer): unknown {
  const again = (inner: unknown): unknown => evaluate(inner, refer);
  if (Array.isArray(value)) return value.map(again);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [[name, argument] = ["", undefined]] = entries;
  if (entries.length === 1 && (name === "Ref" || name.startsWith("Fn::")))
    return intrinsic(name, argument, again, refer);
  return Object.fromEntries(entries.map(([key, inner]) => [key, again(inner)]));
}

function intrinsic(name: string, argument: unknown, again: (value: unknown) => unknown, refer: Refer): unknown {
  const list = argument as unknown[];
  switch (name) {
    case "Ref":
      return refer(argument as string, "Ref");
    case "Fn::GetAtt":
      return refer(list[0] as string, list[1] as string);
    case "Fn::ImportValue":
      return refer(again(argument) as string, "Import");
    case "Fn::Join":
      return (again(list[1]) as string[]).join(list[0] as string);
    case "Fn::Split":
      return (again(list[1]) as string).split(list[0] as string);
    case "Fn::Select":
      return (again(list[1]) as unknown[])[Number(list[0])];
    case "Fn::Sub":
      return (argument as string).replaceAll(/\$\{([^}]+)\}/g, (_, id: string) => refer(id, "Ref"));
    default:
      throw new RangeError(`the test does not know what ${name} makes of ${JSON.stringify(argument)}`);
  }
}
