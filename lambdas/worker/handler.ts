import { CORPUS_FILE } from "../../src/contract/bundle-files.ts";
import { S3Corpus } from "../../src/corpus/s3-corpus.ts";
import { ApiGatewaySockets } from "../../src/engines/aws/api-gateway-sockets.ts";
import { s3Client, secretsClient, socketsClient } from "../../src/engines/aws/aws-clients.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { traceModels } from "../../src/telemetry/trace-models.ts";
import { awsRuntime, bundled, functionLogger, SCRATCH_DIR } from "../aws-runtime.ts";
import { loadSecrets } from "../load-secrets.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("worker", process.env);
if (environment.SLUICE_SECRETS) await loadSecrets(environment.SLUICE_SECRETS, process.env, secretsClient());
// Only now: the app's code finds its secrets.
const { default: app } = await import("#app");
const logger = functionLogger(environment.SLUICE_STAGE);
const { SLUICE_SOCKET_ENDPOINT: endpoint } = environment;
const sockets = endpoint === undefined ? undefined : new ApiGatewaySockets(socketsClient(endpoint, { once: true }));
const corpus = new S3Corpus({
  client: s3Client(),
  bucket: environment.SLUICE_BUCKET,
  dir: SCRATCH_DIR,
  fallbackFile: bundled(CORPUS_FILE),
  now: Date.now,
  onError: (error) => logger.warn("corpus not looked at", { error: (error as Error).name }),
});

export const handler = createHandler(
  await awsRuntime({ app, environment, corpus, sockets, traceModels }),
  environment.SLUICE_CAPABILITY,
);
