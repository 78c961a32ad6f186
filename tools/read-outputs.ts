import { readFileSync } from "node:fs";
import { z } from "zod";

/** What is wrong with a command line or with a file that it names. Shown without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What an instance's stack says about it, each under the id of its construct: `AiApiUrl` is the `ApiUrl` of `Ai`. */
const Outputs = z.object({
  ApiUrl: z.url("must be a URL"),
  KeysSecretArn: z.string().regex(/^arn:[\w-]+:secretsmanager:/, "must be the ARN of a secret"),
  BucketName: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be the name of a bucket"),
  Region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "must be a region"),
  /** Where there is a WebSocket API. */
  SocketUrl: z.url({ protocol: /^wss?$/, error: "must be a URL of a WebSocket" }).optional(),
});
export type InstanceOutputs = z.output<typeof Outputs>;
const KEYS = Object.keys(Outputs.shape);

/** What `cdk deploy --outputs-file` writes. */
const OutputsFile = z.record(z.string(), z.record(z.string(), z.string()));

interface Found {
  readonly stack: string;
  readonly id: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * The outputs of one instance, from the file that `cdk deploy --outputs-file FILE` wrote. `instance` names one where the
 * file has several: `ID`, or `STACK/ID` where stacks share it. Throws {@link UsageError}.
 */
export function readOutputs(file: string, instance?: string): InstanceOutputs {
  const found = instancesOf(parse(file));
  const wanted = found.filter(({ stack, id }) => instance === undefined || [id, `${stack}/${id}`].includes(instance));
  const names = found.map(({ stack, id }) => `${stack}/${id}`).join(", ");
  const [only, ...others] = wanted;
  if (only === undefined) {
    throw new UsageError(
      found.length === 0
        ? `${file} has no outputs of an instance: none of its stacks has ${KEYS.map((key) => `<Id>${key}`).join(", ")}. Write it by: npx cdk deploy --outputs-file ${file}`
        : `${file} has no instance ${JSON.stringify(instance)}; it has ${names}`,
    );
  }
  if (others.length > 0) throw new UsageError(`${file} has several instances: name one by --instance: ${names}`);
  const parsed = Outputs.safeParse(only.outputs);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const key = String(path[0]);
    const got = only.outputs[key];
    return `${only.id}${key}: ${got === undefined ? "is missing" : `${message}; got ${JSON.stringify(got)}`}`;
  });
  throw new UsageError(`${file}: the outputs of ${only.stack}/${only.id} are wrong: ${wrong.join("; ")}`);
}

function parse(file: string): z.output<typeof OutputsFile> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`--outputs ${file}: ${code === "ENOENT" ? "there is no such file" : message}`);
  }
  const parsed = OutputsFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const what = 'it must be what `cdk deploy --outputs-file` writes: {"STACK":{"OUTPUT":"text"}}';
  throw new UsageError(`--outputs ${file}: ${what}; ${z.prettifyError(parsed.error)}`);
}

/** A stack may have outputs of its user's own, also such that end like ours: one alone makes no instance. */
function instancesOf(stacks: z.output<typeof OutputsFile>): Found[] {
  return Object.entries(stacks).flatMap(([stack, outputs]) => {
    const byId = new Map<string, Record<string, string>>();
    for (const [name, value] of Object.entries(outputs)) {
      const key = KEYS.find((candidate) => name.endsWith(candidate) && name.length > candidate.length);
      if (key === undefined) continue;
      const id = name.slice(0, -key.length);
      byId.set(id, { ...byId.get(id), [key]: value });
    }
    return [...byId]
      .filter(([, found]) => Object.keys(found).length > 1)
      .map(([id, found]) => ({ stack, id, outputs: found }));
  });
}
