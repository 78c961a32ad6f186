import type { MiddlewareObj } from "@middy/core";
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from "aws-lambda";
import { PROBLEM_MEDIA_TYPE, type Problem, ProblemError } from "../src/contract/problem.ts";
import { ContentionError, PublishingError, UnavailableError } from "../src/core/errors.ts";
import type { Logger } from "../src/core/runtime.ts";
import { errorKeys } from "./error-keys.ts";

/** Middleware that answers every error with a problem document (RFC 9457); a 5xx shows no internals. */
export function problemResponses(logger: Logger): MiddlewareObj<APIGatewayProxyEvent, APIGatewayProxyResult> {
  return {
    onError(request) {
      const { requestId } = request.event.requestContext;
      const { problem, headers } = problemOf(request.error);
      // What we refuse on purpose is no failure.
      if (problem.status >= 500 && !(request.error instanceof ProblemError)) {
        const { path } = request.event;
        logger.error("request failed", { requestId, path, ...errorKeys(request.error) });
      }
      request.response = problemResponse({ ...problem, requestId }, headers);
    },
  };
}

export function problemResponse(
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
): APIGatewayProxyResult {
  return {
    statusCode: problem.status,
    headers: { "content-type": PROBLEM_MEDIA_TYPE, "cache-control": "no-store", ...headers },
    body: JSON.stringify(problem),
  };
}

/** What a caller is told of an error. What is no {@link ProblemError}, contention or outage is an internal error. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof ContentionError) {
    const detail = "too many writers at once; try again";
    return new ProblemError({ title: "Busy", status: 503, detail }, { "retry-after": "1" });
  }
  if (error instanceof UnavailableError || error instanceof PublishingError) {
    const detail = "a service that this needs does not answer; try again";
    return new ProblemError({ title: "Unavailable", status: 503, detail }, { "retry-after": "5" });
  }
  return new ProblemError({
    title: "Internal error",
    status: 500,
    detail: "the request could not be served; the log has the reason under this requestId",
  });
}
