import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from "aws-lambda";
import { Authorizer, type AuthorizerProps } from "./authorizer.ts";

export type AuthorizerHandler = (event: APIGatewayRequestAuthorizerEvent) => Promise<APIGatewayAuthorizerResult>;

export function createHandler(props: AuthorizerProps): AuthorizerHandler {
  const authorizer = new Authorizer(props);
  return (event) => authorizer.authorize(event);
}
