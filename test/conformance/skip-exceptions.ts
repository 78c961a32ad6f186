import { beforeEach, inject } from "vitest";
import { exceptions } from "./exceptions.ts";

const { target } = inject("connection");

beforeEach(({ task, skip }) => {
  const exception = exceptions.find((each) => each.target === target && each.test === task.fullTestName);
  if (exception) skip(exception.reason);
});
