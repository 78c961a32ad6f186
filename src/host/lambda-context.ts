import type { Context } from "aws-lambda";

/** The context of an invocation in this process. */
export function lambdaContext(functionName: string, requestId: string, remainingMs: number): Context {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${functionName}`,
    memoryLimitInMB: "0",
    awsRequestId: requestId,
    logGroupName: "",
    logStreamName: "",
    getRemainingTimeInMillis: () => remainingMs,
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
