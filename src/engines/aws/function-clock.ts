import type { Clock } from "../../core/ports.ts";

/**
 * A function's clock. Its timers keep the process alive: Lambda ends an invocation whose event loop is empty, and answers
 * for a handler that is no `async` function with null, by which SQS would delete the whole batch
 * (`_setDefaultExitListener` in github.com/aws/aws-lambda-nodejs-runtime-interface-client, src/Runtime.js). A wait of ours
 * may be all that there is, since idle connections do not count.
 */
export const functionClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
