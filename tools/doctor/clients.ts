/** A person waits: what has not answered within this is told. */
const QUICK = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;

/** Of every client: credentials and endpoints are the environment's. */
export const clientOptions = (region: string | undefined) => ({
  ...QUICK,
  ...(region === undefined ? {} : { region }),
});
