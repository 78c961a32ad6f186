import { type NodeFeatures, whyUnsupported } from "../../src/host/node-support.ts";
import { type Finding, fail, ok } from "./finding.ts";

export function checkNode(version: string, features: NodeFeatures): Finding {
  const why = whyUnsupported(version, features);
  if (why === undefined) return ok("node", version);
  return fail("node", why, "npm ci brings one, which npm run uses");
}
