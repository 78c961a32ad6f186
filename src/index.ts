/** The public API: what an app is made of. */

export { completion } from "./capabilities/completion.ts";
export { retrieval } from "./capabilities/retrieval.ts";
export { tool } from "./capabilities/tool.ts";
export type { ErrorInfo, Usage } from "./contract/events.ts";
export { Json } from "./contract/json.ts";
export {
  CompletionInput,
  CompletionOutput,
  PassageSchema,
  RetrievalInput,
  RetrievalOutput,
  ToolCall,
  ToolResult,
} from "./contract/standard-capabilities.ts";
export { type App, type AppOptions, defineApp, type TenantLimits } from "./core/define-app.ts";
export {
  type Capability,
  type CapabilityInput,
  type CapabilityOptions,
  type CapabilityOutput,
  defineCapability,
  type ErrorVerdict,
  type Provider,
  type RetryPolicy,
  type StepContext,
} from "./core/define-capability.ts";
export { defineWorkflow, type Job, type Workflow, type WorkflowOptions } from "./core/define-workflow.ts";
export { DefinitionError, JobFailedError, StepFailedError } from "./core/errors.ts";
export type { Rate } from "./core/rate-limits.ts";
export {
  type Corpus,
  type DocumentPart,
  defineTool,
  type ModelPrice,
  type Passage,
  type Resources,
  type Tool,
} from "./core/resources.ts";
export { HeldError, TerminalError, ThrottledError } from "./core/retry.ts";
export { groundedPrompt } from "./models/grounded-prompt.ts";
export { calculator } from "./tools/calculator.ts";
export { readDocument } from "./tools/read-document.ts";
