import type { APIGatewayAuthorizerResult } from "aws-lambda";
import { Authorizer, type AuthorizerEvent, type AuthorizerProps } from "./authorizer.ts";

export type AuthorizerHandler = (event: AuthorizerEvent) => Promise<APIGatewayAuthorizerResult>;

/** Serves the REST API and the `$connect` of the WebSocket API. */
export function createHandler(props: AuthorizerProps): AuthorizerHandler {
  const authorizer = new Authorizer(props);
  return (event) => authorizer.authorize(event);
}
