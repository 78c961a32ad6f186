import { ApiGatewayV2Client, GetRoutesCommand } from "@aws-sdk/client-apigatewayv2";
import { type Check, type Deployment, differs } from "./check.ts";

const apiGateway = new ApiGatewayV2Client({});
const apiOf = (deployment: Deployment) => ({ ApiId: deployment.only("AWS::ApiGatewayV2::Api").physicalId });

export const socketChecks: readonly Check[] = [
  {
    what: "who connects by WebSocket is asked for by the authorizer",
    async violations(deployment) {
      const { Items = [] } = await apiGateway.send(new GetRoutesCommand(apiOf(deployment)));
      const found = Items.map(({ RouteKey, AuthorizationType, AuthorizerId }) => [
        RouteKey,
        AuthorizationType === "CUSTOM" && AuthorizerId !== undefined,
      ]).sort();
      return differs("routes, and whether they are guarded", found, [
        ["$connect", true],
        ["$default", false],
        ["$disconnect", false],
      ]);
    },
  },
];
