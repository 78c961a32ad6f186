import { ResponseType, type RestApi } from "aws-cdk-lib/aws-apigateway";
import { CORS_EXPOSED_HEADERS, type Cors } from "../src/contract/cors.ts";
import { PROBLEM_MEDIA_TYPE } from "../src/contract/problem.ts";

/** What API Gateway itself answers, as problem documents (RFC 9457) like those of the functions. */
const PROBLEMS: readonly (readonly [
  ResponseType,
  number,
  title: string,
  detail: string,
  headers?: Record<string, string>,
])[] = [
  [
    ResponseType.UNAUTHORIZED,
    401,
    "Unauthorized",
    '"a key is needed: Authorization: Bearer KEY. For the events of one job a ticket will do: ?ticket=TICKET, while it is valid"',
    { "WWW-Authenticate": "'Bearer'" },
  ],
  [ResponseType.ACCESS_DENIED, 403, "Forbidden", '"this key does not open this"'],
  // It is what API Gateway says of a path or a method that it does not have.
  [
    ResponseType.MISSING_AUTHENTICATION_TOKEN,
    404,
    "No such route",
    '"there is no such path, or no such method of it: see /v1/openapi.json"',
  ],
  // And this is what it should say of it to a caller with a key: it takes every such Authorization for a signature. Not seen on AWS yet.
  [
    ResponseType.INVALID_SIGNATURE,
    404,
    "No such route",
    '"there is no such path, or no such method of it: see /v1/openapi.json"',
  ],
  [ResponseType.RESOURCE_NOT_FOUND, 404, "No such route", '"there is no such path: see /v1/openapi.json"'],
  [ResponseType.BAD_REQUEST_BODY, 400, "Invalid request", '"the body must be a JSON object: see /v1/openapi.json"'],
  [ResponseType.BAD_REQUEST_PARAMETERS, 400, "Invalid request", "$context.error.messageString"],
  [
    ResponseType.REQUEST_TOO_LARGE,
    413,
    "Content too large",
    '"the body is larger than what is allowed: 1048576 bytes"',
  ],
  [ResponseType.UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported media type", '"the body must be application/json"'],
  [
    ResponseType.THROTTLED,
    429,
    "Too many requests",
    '"the API is asked for more than it was set up for; try again"',
    { "Retry-After": "'1'" },
  ],
  [ResponseType.QUOTA_EXCEEDED, 429, "Too many requests", '"the quota is used up"', { "Retry-After": "'60'" }],
  // Not in API Gateway's words: of a signature that it misses they repeat the Authorization header, and with it the key.
  [
    ResponseType.DEFAULT_4XX,
    400,
    "Invalid request",
    '"the request was refused before it was looked at: see /v1/openapi.json"',
  ],
  [
    ResponseType.AUTHORIZER_FAILURE,
    503,
    "Unavailable",
    '"keys cannot be checked at the moment; try again"',
    { "Retry-After": "'5'" },
  ],
  [
    ResponseType.INTEGRATION_TIMEOUT,
    504,
    "Too slow",
    '"there was no answer in time; try again"',
    { "Retry-After": "'5'" },
  ],
  [
    ResponseType.DEFAULT_5XX,
    500,
    "Internal error",
    '"the request could not be served; the log has the reason under this requestId"',
  ],
];

/** API Gateway says so itself, of answers that have no part of any job in them, and cannot tell one origin from another. */
function corsOf(cors: Cors | undefined): Record<string, string> {
  if (cors === undefined) return {};
  const [origin = "*", ...others] = cors.origins;
  return {
    "Access-Control-Allow-Origin": `'${others.length > 0 ? "*" : origin}'`,
    "Access-Control-Expose-Headers": `'${CORS_EXPOSED_HEADERS.join(", ")}'`,
  };
}

/** @param cors pages of which origins may read them @default of none */
export function problemResponses(api: RestApi, cors?: Cors): void {
  for (const [type, status, title, detail, headers = {}] of PROBLEMS) {
    const slug = title.toLowerCase().replaceAll(" ", "-");
    // `detail` is a JSON string already, in the template or in what API Gateway puts there.
    const body = `{"type":"/problems/${slug}","title":"${title}","status":${status},"detail":${detail},"requestId":"$context.requestId"}`;
    // A status that is not given is that of each case: one answer stands for many.
    const isDefault = type === ResponseType.DEFAULT_4XX || type === ResponseType.DEFAULT_5XX;
    api.addGatewayResponse(type.responseType, {
      type,
      ...(isDefault ? {} : { statusCode: String(status) }),
      responseHeaders: {
        "Content-Type": `'${PROBLEM_MEDIA_TYPE}'`,
        "Cache-Control": "'no-store'",
        ...corsOf(cors),
        ...headers,
      },
      templates: { "application/json": isDefault ? body.replace(`"status":${status},`, "") : body },
    });
  }
}
