import { expect, test } from "vitest";
import { UnavailableError } from "../../../src/core/errors.ts";
import { asUnavailable } from "../../../src/engines/aws/unavailable.ts";

const failure = (name: string, httpStatusCode?: number): Error =>
  Object.assign(new Error("no"), { name, $metadata: httpStatusCode === undefined ? {} : { httpStatusCode } });

test.each([
  ["a table that throttles", failure("ProvisionedThroughputExceededException", 400)],
  ["a request that throttles", failure("ThrottlingException", 400)],
  ["a bucket that throttles", failure("SlowDown", 503)],
  ["an internal error", failure("InternalServerError", 500)],
  ["an answer that did not come", failure("TimeoutError")],
  ["a connection that was refused", Object.assign(new Error("no"), { code: "ECONNREFUSED" })],
])("%s may be asked again", (_, error) => {
  expect(asUnavailable(error)).toBeInstanceOf(UnavailableError);
  expect(asUnavailable(error)).toMatchObject({ cause: error });
});

test.each([
  ["what may not be done", failure("AccessDeniedException", 400)],
  ["what is too large", failure("ValidationException", 400)],
  ["a table that is not there", failure("ResourceNotFoundException", 400)],
])("%s stays as it is: the same call would fail again", (_, error) => {
  expect(asUnavailable(error)).toBe(error);
});
