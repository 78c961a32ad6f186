import type { FunctionKind } from "../../src/engines/aws/environment.ts";

/** What kind of function is at a construct's path, such as `Sluice/Api/Submit`. */
export function functionKindAt(path: string): FunctionKind {
  if (path.includes("/Workflow-")) return "advance";
  if (path.includes("/Deployment/")) return "deployment";
  const name = path.split("/").at(-1) ?? "";
  return name.replace(/Function$/, "").toLowerCase() as FunctionKind;
}
