import type { AccessLine, CallLine, ResourceLine, RoleLine, Statement } from "./access-log.ts";
import { listOf, matches, permits } from "./iam.ts";

/** One thing that functions of one kind may do or do. */
export interface Grant {
  /** A path, in which `*` stands for the name of a capability or workflow: they share their code. */
  readonly function: string;
  readonly action: string;
  /** What stands for the resource in a report, with the table's partitions where the right is to some alone. */
  readonly resource: string;
}

/** A right that no call of a run uses, and that must stay. Its patterns have `*` and `?`. */
export interface Acknowledgement {
  readonly function: string;
  readonly action: string;
  /** @default any */
  readonly resource?: string;
  readonly reason: string;
}

export interface Denied extends Grant {
  readonly times: number;
  readonly why: string;
}

export interface Comparison {
  /** Calls that their function's role does not allow. */
  readonly denied: readonly Denied[];
  /** Rights that no call used and nobody acknowledged. */
  readonly unused: readonly Grant[];
  /** Acknowledgements of nothing: all that they speak of is used, or no role has it. */
  readonly staleAcknowledgements: readonly Acknowledgement[];
}

/**
 * Compares what functions did with what their roles allow. Nothing is wrong where all three lists are empty. Functions
 * of one kind are judged together: what one worker used, all may have. The order of lines is of no matter.
 */
export function compare(lines: readonly AccessLine[], acknowledged: readonly Acknowledgement[]): Comparison {
  const roles = lines.filter((line) => line.kind === "role");
  const calls = distinct(lines.filter((line) => line.kind === "call"));
  const label = labels(lines.filter((line) => line.kind === "resource"));
  const unused = grantsOf(roles, label).filter(
    ({ grants }) =>
      !calls.some(({ call }) => grants.some(({ role, one }) => call.role === role && permits([one], call))),
  );
  const speaksOf = (note: Acknowledgement, { function: fn, action, resource }: Grant): boolean =>
    matches(note.function, fn) && matches(note.action, action) && matches(note.resource ?? "*", resource);
  return {
    denied: deniedOf(calls, roles, label),
    unused: unused
      .map(({ grant }) => grant)
      .filter((grant) => !acknowledged.some((note) => speaksOf(note, grant)))
      .sort(byText),
    staleAcknowledgements: acknowledged.filter((note) => !unused.some(({ grant }) => speaksOf(note, grant))),
  };
}

/** A comparison for a person, a line for each that is wrong; empty where nothing is. */
export function describeComparison({ denied, unused, staleAcknowledgements }: Comparison): string[] {
  const text = ({ function: fn, action, resource }: Grant): string => `${fn}: ${action} on ${resource}`;
  return [
    ...denied.map((call) => `denied   ${text(call)}, ${call.times} ×: ${call.why}`),
    ...unused.map((grant) => `unused   ${text(grant)}`),
    ...staleAcknowledgements.map(
      (note) => `stale    ${text({ resource: "*", ...note })}: acknowledged, but used or not there (${note.reason})`,
    ),
  ];
}

interface Granted {
  readonly grant: Grant;
  /** Where it comes from: a role, and a statement of just this. */
  readonly grants: { readonly role: string; readonly one: Statement }[];
}

/** Every action, resource and partition of the table that statements allow, one by one, those of one kind of function together. */
function grantsOf(roles: readonly RoleLine[], label: (arn: string) => string): Granted[] {
  const granted = new Map<string, Granted>();
  for (const { role, function: path, statements } of roles) {
    for (const statement of statements) {
      const { Effect, Action, Resource, Condition } = statement;
      const partitions = Object.values(Condition ?? {}).flatMap((keys) => listOf(keys["dynamodb:LeadingKeys"] ?? []));
      if (Effect !== "Allow") continue;
      for (const action of listOf(Action)) {
        for (const resource of listOf(Resource)) {
          const on = [kindOf(label(resource)), ...partitions].join(" ");
          const grant = { function: kindOf(path), action, resource: on };
          const key = textOf(grant);
          const known = granted.get(key) ?? { grant, grants: [] };
          known.grants.push({ role, one: { ...statement, Action: action, Resource: resource } });
          granted.set(key, known);
        }
      }
    }
  }
  return [...granted.values()];
}

function deniedOf(
  calls: readonly Calls[],
  roles: readonly RoleLine[],
  label: (arn: string) => string,
): readonly Denied[] {
  const denied = new Map<string, Denied>();
  for (const { call, times } of calls) {
    const own = roles.filter(({ role }) => role === call.role);
    const why = whyDenied(call, own);
    if (why === undefined) continue;
    const grant = {
      function: kindOf(own[0]?.function ?? call.function),
      action: call.action,
      resource: kindOf(label(call.resource)),
    };
    const key = `${textOf(grant)} ${why}`;
    denied.set(key, { ...grant, times: (denied.get(key)?.times ?? 0) + times, why });
  }
  return [...denied.values()].sort(byText);
}

function whyDenied(call: CallLine, own: readonly RoleLine[]): string | undefined {
  if (own.length === 0) return `no role ${call.role} is known`;
  const statements = own.flatMap((line) => line.statements);
  if (!permits(statements, call)) return "its role does not allow it";
  return call.allowed ? undefined : "its role allows it, but it was refused";
}

interface Calls {
  readonly call: CallLine;
  readonly times: number;
}

/** A run makes the same call thousands of times. */
function distinct(calls: readonly CallLine[]): Calls[] {
  const byKey = Map.groupBy(calls, ({ role, action, resource, context, allowed }) =>
    JSON.stringify([role, action, resource, context, allowed]),
  );
  return [...byKey.values()].flatMap(([call, ...more]) => (call ? [{ call, times: more.length + 1 }] : []));
}

/** The longest known ARN that a resource begins with becomes its path. */
function labels(resources: readonly ResourceLine[]): (arn: string) => string {
  const longestFirst = [...resources].sort((a, b) => b.arn.length - a.arn.length);
  return (arn) => {
    const known = longestFirst.find(
      (each) => arn === each.arn || (/^[/:-]/.test(arn.slice(each.arn.length)) && arn.startsWith(each.arn)),
    );
    return known ? `<${known.path}>${arn.slice(known.arn.length)}` : arn;
  };
}

const kindOf = (path: string): string => path.replaceAll(/\b(Capability|Workflow)-[^/>]+/g, "$1-*");
const textOf = ({ function: fn, action, resource }: Grant): string => `${fn} ${action} ${resource}`;
const byText = (a: Grant, b: Grant): number => textOf(a).localeCompare(textOf(b));
