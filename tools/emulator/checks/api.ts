import { APIGatewayClient, GetResourcesCommand, GetStagesCommand } from "@aws-sdk/client-api-gateway";
import { type Check, type Deployment, differs } from "./check.ts";

const apiGateway = new APIGatewayClient({});
const OPEN = ["GET /healthz"];

const apiOf = (deployment: Deployment) => ({ restApiId: deployment.only("AWS::ApiGateway::RestApi").physicalId });

export const apiChecks: readonly Check[] = [
  {
    what: "every route but /healthz asks the authorizer",
    async violations(deployment) {
      const { items = [] } = await apiGateway.send(
        new GetResourcesCommand({ ...apiOf(deployment), embed: ["methods"], limit: 500 }),
      );
      const routes = items.flatMap(({ path, resourceMethods = {} }) =>
        Object.entries(resourceMethods).map(([method, { authorizationType, authorizerId }]) => ({
          route: `${method} ${path}`,
          guarded: authorizationType === "CUSTOM" && authorizerId !== undefined,
        })),
      );
      const open = routes.filter(({ guarded }) => !guarded).map(({ route }) => route);
      return [
        ...differs("open routes", open, OPEN),
        ...(routes.length > OPEN.length ? [] : ["there are no other routes"]),
      ];
    },
  },
  {
    what: "requests are throttled, and X-Ray is off",
    async violations(deployment) {
      const { item = [] } = await apiGateway.send(new GetStagesCommand(apiOf(deployment)));
      const found = item.map(({ stageName, tracingEnabled, methodSettings }) => {
        const { throttlingRateLimit, throttlingBurstLimit } = methodSettings?.["*/*"] ?? {};
        return [stageName, tracingEnabled ?? false, throttlingRateLimit, throttlingBurstLimit];
      });
      return differs("stages", found, [["api", false, 100, 200]]);
    },
  },
];
