import { z } from "zod";
import { WEBHOOKS } from "../contract/messages.ts";
import type { AnyCapability } from "./define-capability.ts";
import { isName, NAME_SHAPE } from "./define-capability.ts";
import type { AnyWorkflow } from "./define-workflow.ts";
import { DefinitionError } from "./errors.ts";
import type { Rate } from "./rate-limits.ts";
import { checkedRates } from "./rate-limits.ts";
import type { ModelPrice, Tool } from "./resources.ts";

export interface AppOptions {
  readonly workflows: readonly AnyWorkflow[];
  readonly capabilities: readonly AnyCapability[];
  // biome-ignore lint/suspicious/noExplicitAny: tools of different inputs in one list
  readonly tools?: readonly Tool<any>[];
  /** The model of the completion capability. @default "embedded:extractive" */
  readonly model?: string;
  /** Models that steps may name besides `model`: on AWS, the workers may call these and no others. @default [] */
  readonly models?: readonly string[];
  /** The model's price, if costs are to be reported. */
  readonly price?: ModelPrice;
  /**
   * Most requests and tokens a minute, for all processes together, of a provider's model (`openai:gpt-5`) or of a provider
   * (`openai`), whose models without a rate of their own then share it. Steps wait for their turn, at no cost in attempts.
   * @default no limits
   */
  readonly rates?: Readonly<Record<string, Rate>>;
  /** A folder of Markdown or text files for retrieval, absolute or relative to where the process runs. */
  readonly corpus?: string;
  /** Steps that one job may ask for. @default 1_000 */
  readonly maxSteps?: number;
  /** How long a job may take, in ms, before it expires. @default 7 days */
  readonly deadlineMs?: number;
  /** How long a job's log is kept after its deadline, in ms. @default 30 days */
  readonly retentionMs?: number;
  /** What each tenant may ask for; beyond it, submissions get 429. @default no limits */
  readonly tenantLimits?: TenantLimits;
}

export interface TenantLimits {
  /** Jobs begun a minute; as many at once after a minute's pause. 1 to 60,000. @default no limit */
  readonly jobsPerMinute?: number;
  /** Jobs that have not ended and wait for no person. 1 to 100,000; on AWS counted roughly. @default no limit */
  readonly jobsInFlight?: number;
}

/** What hosts, Lambda bundles, the CDK construct and tests take. Made by {@link defineApp}. */
export interface App {
  readonly workflows: ReadonlyMap<string, AnyWorkflow>;
  readonly capabilities: ReadonlyMap<string, AnyCapability>;
  readonly tools: ReadonlyMap<string, Tool>;
  readonly model: string;
  readonly models: readonly string[];
  readonly price: ModelPrice | undefined;
  readonly rates: ReadonlyMap<string, Rate>;
  readonly corpus: string | undefined;
  readonly maxSteps: number;
  readonly deadlineMs: number;
  readonly retentionMs: number;
  readonly tenantLimits: TenantLimits;
  /** Tells an app from any other default export, across copies of this package. */
  readonly kind: typeof APP_KIND;
}

export const APP_KIND = "sluice.app.v1";
export const DEFAULT_MODEL = "embedded:extractive";
const DAY_MS = 86_400_000;

/**
 * Puts workflows, capabilities and tools together. Throws {@link DefinitionError} where two share a name:
 * workflows and capabilities have one name space, since both name topics.
 */
export function defineApp(options: AppOptions): App {
  if (options.workflows.length === 0) throw new DefinitionError("an app needs at least one workflow; got none");
  const workflows = byName("workflow", options.workflows);
  const capabilities = byName("capability", options.capabilities);
  for (const name of workflows.keys()) {
    if (capabilities.has(name)) {
      throw new DefinitionError(
        `${JSON.stringify(name)} names a workflow and a capability; both name topics, so names must differ`,
      );
    }
  }
  for (const name of [...workflows.keys(), ...capabilities.keys()]) {
    if (name === WEBHOOKS) throw new DefinitionError(`${JSON.stringify(name)} is the name of a queue of Sluice's own`);
  }
  const tools = byName("tool", options.tools ?? []);
  for (const name of tools.keys()) {
    if (!isName(name.replaceAll("_", "-"))) {
      throw new DefinitionError(
        `a tool's name must be ${NAME_SHAPE} ('_' for '-' is allowed); got ${JSON.stringify(name)}`,
      );
    }
  }
  return Object.freeze({
    kind: APP_KIND,
    workflows,
    capabilities,
    tools,
    model: options.model ?? DEFAULT_MODEL,
    models: options.models ?? [],
    price: options.price,
    rates: checkedRates(options.rates ?? {}),
    corpus: options.corpus,
    maxSteps: positive("maxSteps", options.maxSteps ?? 1_000),
    deadlineMs: positive("deadlineMs", options.deadlineMs ?? 7 * DAY_MS),
    retentionMs: positive("retentionMs", options.retentionMs ?? 30 * DAY_MS),
    tenantLimits: checkTenantLimits(options.tenantLimits ?? {}),
  });
}

const TenantLimitsShape = z.strictObject({
  jobsPerMinute: z.number().int().min(1).max(60_000).optional(),
  jobsInFlight: z.number().int().min(1).max(100_000).optional(),
});

function checkTenantLimits(limits: TenantLimits): TenantLimits {
  const checked = TenantLimitsShape.safeParse(limits);
  if (checked.success) return Object.freeze({ ...limits });
  throw new DefinitionError(`tenantLimits: ${z.prettifyError(checked.error)}; got ${JSON.stringify(limits)}`);
}

function byName<T extends { readonly name: string }>(kind: string, items: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    if (map.has(item.name))
      throw new DefinitionError(`two of the app's definitions are a ${kind} named ${JSON.stringify(item.name)}`);
    map.set(item.name, item);
  }
  return map;
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new DefinitionError(`${name} must be a whole number above 0; got ${value}`);
}

/** The app of a module, which is its default export. Throws {@link DefinitionError} for a module of another kind. */
export function appOf(module: { readonly default?: unknown }): App {
  const app = module.default;
  if (typeof app === "object" && app !== null && "kind" in app && app.kind === APP_KIND) return app as App;
  throw new DefinitionError(
    `its default export must be made by defineApp({ workflows, capabilities }); got ${kindOf(app)}`,
  );
}

function kindOf(value: unknown): string {
  if (value === undefined) return "no default export";
  return value === null ? "null" : `a value of type ${typeof value}`;
}
