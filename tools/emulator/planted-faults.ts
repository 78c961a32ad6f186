/** A template as the CDK writes it. */
export interface Template {
  readonly Resources: Record<string, Resource>;
}

interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever CloudFormation takes
  readonly Properties: any;
  readonly Metadata?: Readonly<Record<string, string>>;
}

/** One thing that somebody could get wrong in the stacks. */
export interface PlantedFault {
  readonly what: string;
  readonly stack: "data" | "app";
  /** What at least one line of what is found must say: that something is wrong is not enough. */
  readonly found: RegExp;
  /** Gets it wrong. */
  plant(template: Template): void;
}

/** What is planted, one at a time: each must turn the run red. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    what: "a queue has no redrive policy",
    stack: "app",
    found: /has no dead-letter queue/,
    plant: (template) => delete at(template, "Capability-retrieval/Topic/Queue").RedrivePolicy,
  },
  {
    what: "a rule listens to another topic",
    stack: "app",
    found: /topics of rules: .*completions/,
    plant(template) {
      at(template, "Capability-completion/Topic/Rule").EventPattern["detail-type"] = ["ai.completions.requested"];
    },
  },
  {
    what: "a worker may not write to the table",
    stack: "app",
    found: /denied .*dynamodb:PutItem/,
    plant(template) {
      for (const statement of at(template, "Capability-tool/WorkerRole/DefaultPolicy").PolicyDocument.Statement) {
        if (!Array.isArray(statement.Action)) continue;
        statement.Action = statement.Action.filter((action: string) => action !== "dynamodb:PutItem");
      }
    },
  },
  {
    what: "a function misses a variable of its environment",
    stack: "app",
    found: /SLUICE_BUS: is missing/,
    plant: (template) => delete at(template, "Sluice/Api/Submit").Environment.Variables.SLUICE_BUS,
  },
  {
    what: "a message is visible again before its worker's time is over",
    stack: "app",
    found: /visible again after 10 s/,
    plant(template) {
      at(template, "Capability-completion/Topic/Queue").VisibilityTimeout = 10;
    },
  },
  {
    what: "a batch fails as a whole",
    stack: "app",
    found: /ReportBatchItemFailures/,
    plant: (template) => delete at(template, "Capability-retrieval/Topic/Messages").FunctionResponseTypes,
  },
  {
    what: "a worker has no maximum concurrency",
    stack: "app",
    found: /maximum concurrency is 0/,
    plant: (template) => delete at(template, "Capability-retrieval/Topic/Messages").ScalingConfig,
  },
  {
    what: "a queue does not know whose a message is",
    stack: "app",
    found: /group: expected/,
    plant: (template) => delete at(template, "Capability-retrieval/Topic/Rule").Targets[0].SqsParameters,
  },
  {
    what: "work is done again when the archive is replayed",
    stack: "app",
    found: /replays: expected/,
    plant: (template) => delete at(template, "Capability-retrieval/Topic/Rule").EventPattern["replay-name"],
  },
  {
    what: "a route asks for no key",
    stack: "app",
    found: /open routes: .*GET \/v1\/jobs/,
    plant(template) {
      const method = at(template, "Sluice/Api/RestApi/Default/v1/jobs/GET");
      method.AuthorizationType = "NONE";
      delete method.AuthorizerId;
    },
  },
  {
    what: "a long job is taken for a loop",
    stack: "app",
    found: /expected "Allow"/,
    plant: (template) => delete at(template, "Capability-retrieval/Worker").RecursiveLoop,
  },
  {
    what: "nobody is told of dead letters",
    stack: "app",
    found: /an alarm of ApproximateNumberOfMessagesVisible/,
    plant: (template) => remove(template, "Capability-retrieval/DeadLettersAlarm"),
  },
  {
    what: "a function's logs are kept for ever",
    stack: "app",
    found: /SubmitLogs: days: expected 7/,
    plant: (template) => delete at(template, "Sluice/Api/SubmitLogs").RetentionInDays,
  },
  {
    what: "nobody looks after jobs that rest",
    stack: "app",
    found: /schedules: .*DISABLED/,
    plant(template) {
      at(template, "Sluice/Operations/Schedule").State = "DISABLED";
    },
  },
  {
    what: "a function may do what it never does",
    stack: "app",
    found: /unused .*dynamodb:DeleteTable/,
    plant(template) {
      const [statement] = at(template, "Sluice/Api/EventsRole/DefaultPolicy").PolicyDocument.Statement;
      at(template, "Sluice/Api/EventsRole/DefaultPolicy").PolicyDocument.Statement.push({
        ...statement,
        Action: "dynamodb:DeleteTable",
        Resource: "*",
      });
    },
  },
  {
    what: "items of the table stay for ever",
    stack: "data",
    found: /time to live: expected/,
    plant: (template) => delete at(template, "Data/Table").TimeToLiveSpecification,
  },
  {
    what: "the table cannot be brought back",
    stack: "data",
    found: /point-in-time recovery: expected/,
    plant(template) {
      for (const replica of at(template, "Data/Table").Replicas) delete replica.PointInTimeRecoverySpecification;
    },
  },
  {
    what: "objects of jobs stay for ever",
    stack: "data",
    found: /objects of jobs go/,
    plant: (template) => delete at(template, "Data/Bucket").LifecycleConfiguration,
  },
  {
    what: "what was published is kept for a day",
    stack: "data",
    found: /archive: expected/,
    plant(template) {
      at(template, "Data/Bus/Archive/Archive").RetentionDays = 1;
    },
  },
];

/** The properties of the resource whose construct's path ends like this. Throws where there is none, or where several are. */
function at(template: Template, path: string): Resource["Properties"] {
  return template.Resources[idOf(template, path)]?.Properties;
}

function remove(template: Template, path: string): void {
  delete template.Resources[idOf(template, path)];
}

function idOf(template: Template, path: string): string {
  const ids = Object.entries(template.Resources)
    .filter(([, { Metadata }]) =>
      `/${Metadata?.["aws:cdk:path"]}`.replace(/\/(Resource|Default)$/, "").endsWith(`/${path}`),
    )
    .map(([id]) => id);
  const [id, ...others] = ids;
  if (id === undefined || others.length > 0)
    throw new RangeError(`${ids.length} resources have a path ending in ${path}`);
  return id;
}
