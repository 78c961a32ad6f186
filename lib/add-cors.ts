import { Duration } from "aws-cdk-lib";
import type { RestApi } from "aws-cdk-lib/aws-apigateway";
import { CORS_REQUEST_HEADERS, type Cors } from "../src/contract/cors.ts";
import { allRoutes } from "../src/contract/routes.ts";
import { acknowledge } from "./acknowledge.ts";

/**
 * Answers browsers that ask before a request, for every path of the API: by API Gateway itself, since no function has to be
 * called for it. A preflight carries no key (fetch.spec.whatwg.org/#cors-preflight-fetch), so nothing can guard it.
 */
export function addPreflights(api: RestApi, { origins, maxAgeSeconds }: Cors): void {
  for (const path of new Set(allRoutes.map((route) => route.path))) {
    const method = api.root.resourceForPath(path).addCorsPreflight({
      allowOrigins: origins.includes("*") ? ["*"] : [...origins],
      allowMethods: allRoutes.filter((route) => route.path === path).map((route) => route.method),
      allowHeaders: [...CORS_REQUEST_HEADERS],
      maxAge: Duration.seconds(maxAgeSeconds),
    });
    const reason = "A browser asks by it, without a key, whether it may send a request; it reaches no function";
    acknowledge(method, "AwsSolutions-APIG4", reason);
    acknowledge(method, "AwsSolutions-COG4", reason);
  }
}
