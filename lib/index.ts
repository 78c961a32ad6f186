/** The CDK part: an instance of Sluice in your own app. */

export type { CorsSettings } from "../src/contract/cors.ts";
export { SluiceApi } from "./api.ts";
export type { InferenceProfiles } from "./bedrock-access.ts";
export type { AppManifest } from "./bundling/app-manifest.ts";
export { Capability } from "./capability.ts";
export { SluiceData, type SluiceDataProps } from "./data.ts";
export type { GradualDeployment } from "./gradual-deployment.ts";
export { SluiceOperations } from "./operations.ts";
export { SluicePipeline } from "./pipeline.ts";
export { Sluice, type SluiceProps } from "./sluice.ts";
export { SluiceSocketApi } from "./socket-api.ts";
export { SynthError } from "./synth-error.ts";
