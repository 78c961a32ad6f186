import { ENVIRONMENTS, type FunctionKind } from "../../src/engines/aws/environment.ts";

const KINDS = Object.keys(ENVIRONMENTS) as FunctionKind[];

/** What kind of function is at a construct's path, such as `Sluice/Api/DeadLetters`. Throws a RangeError for none of ours. */
export function functionKindAt(path: string): FunctionKind {
  if (path.includes("/Workflow-")) return "advance";
  if (path.includes("/Webhooks/")) return "webhooks";
  if (path.includes("/Deployment/")) return "deployment";
  const name = path.split("/").at(-1) ?? "";
  const plain = name.replace(/Function$/, "").toLowerCase();
  const kind = KINDS.find((one) => one.replaceAll("-", "") === plain);
  if (kind === undefined) throw new RangeError(`there is no kind of function at ${path}`);
  return kind;
}
