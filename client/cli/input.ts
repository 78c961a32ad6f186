import { readFileSync } from "node:fs";
import { addAbortSignal } from "node:stream";
import { text } from "node:stream/consumers";
import type { SluiceClient } from "../client.ts";
import type { Json } from "../wire.ts";
import { UsageError } from "./command.ts";

/** A JSON value of the command line: as it stands, `@FILE`, or `-` for stdin, which may take for as long as the signal lets it. */
export async function jsonOf(given: string, flag: string, signal: AbortSignal): Promise<Json> {
  const isFile = given.startsWith("@");
  const json =
    given === "-" ? await text(addAbortSignal(signal, process.stdin)) : isFile ? read(given.slice(1), flag) : given;
  try {
    return JSON.parse(json) as Json;
  } catch (error) {
    const where = isFile ? `the file of --${flag}` : `--${flag}`;
    throw new UsageError(`${where} must be JSON: ${(error as Error).message}`);
  }
}

function read(path: string, flag: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`the file of --${flag} cannot be read: ${(error as Error).message}`);
  }
}

/**
 * A workflow's input from flags such as `--query TEXT`: each is a member. Where a text could be another JSON value as well
 * (`12`, `true`, `[…]`), the workflow's schema says which is meant.
 */
export async function inputOf(
  workflow: string,
  members: Readonly<Record<string, string>>,
  client: SluiceClient,
  signal: AbortSignal,
): Promise<Json> {
  const isClear = Object.values(members).every((text) => otherValueOf(text) === undefined);
  const types = isClear ? {} : await typesOf(workflow, client, signal);
  return Object.fromEntries(
    Object.entries(members).map(([name, text]) => [
      name,
      types[name] === "string" ? text : (otherValueOf(text) ?? text),
    ]),
  );
}

/** The JSON value that a text is, if it is one that is no string. */
function otherValueOf(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "string" ? undefined : value;
  } catch {
    return undefined;
  }
}

/** What a workflow's JSON Schema says of its input's members. */
async function typesOf(workflow: string, client: SluiceClient, signal: AbortSignal): Promise<Record<string, unknown>> {
  const { workflows } = await client.capabilities({ signal });
  const schema = workflows.find(({ name }) => name === workflow)?.input as
    | { properties?: Record<string, { type?: unknown }> }
    | undefined;
  return Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([name, { type }]) => [name, type]));
}
