import { resolve } from "node:path";
import { type App, Tags } from "aws-cdk-lib";
import { AppStack } from "./app-stack.ts";
import { DataStack } from "./data-stack.ts";
import { nameOf, type Settings, settingsOf, stackNamesOf } from "./settings.ts";
import { type Credentials, type Stage, stageOf, stages } from "./stages.ts";

/** Both stacks of an instance, as the command line asks for them. Throws `SynthError`. @param known stages by name */
export function addStacks(
  app: App,
  credentials: Credentials,
  known: Readonly<Record<string, Stage>> = stages,
): { readonly data: DataStack; readonly app: AppStack } {
  const settings = settingsOf(app.node);
  const stage = stageOf(settings.stage, credentials, known);
  const { account = credentials.account, region = credentials.region } = stage;
  const env = { ...(account ? { account } : {}), ...(region ? { region } : {}) };
  const name = nameOf({ ...settings, stage: stage.name });
  const stacks = stackNamesOf(name);
  const data = new DataStack(app, stacks.data, {
    env,
    stage,
    description: "Sluice: jobs, their archive and keys",
  });
  const stack = new AppStack(app, stacks.app, {
    env,
    description: "Sluice: the API, workers and operations",
    sluice: {
      app: resolve(settings.app),
      stage: name,
      data: data.data,
      logRetention: stage.logRetention,
      createApiGatewayAccountRole: settings.createApiGatewayAccountRole,
      xray: settings.xray,
      webhooksToLoopback: settings.webhooksToLoopback,
      webSocket: settings.webSocket,
      ...given(settings),
    },
    alarmTopicArn: settings.alarmTopicArn,
  });
  for (const each of [data, stack]) {
    Tags.of(each).add("service", "sluice");
    Tags.of(each).add("stage", name);
  }
  return { data, app: stack };
}

function given({ model, logLevel, otlpEndpoint, runbookUrl, gradualDeployment, ...others }: Settings) {
  const { streams, waits, reservedForEvents, corsOrigins: origins, corsMaxAgeSeconds: maxAgeSeconds } = others;
  return {
    ...(streams === undefined ? {} : { streams }),
    ...(waits === undefined ? {} : { waits }),
    ...(reservedForEvents === undefined ? {} : { reservedForEvents }),
    ...(origins === undefined ? {} : { cors: { origins, ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }) } }),
    ...(model === undefined ? {} : { model }),
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(otlpEndpoint === undefined ? {} : { otlpEndpoint }),
    ...(runbookUrl === undefined ? {} : { runbookUrl }),
    ...(gradualDeployment === undefined ? {} : { gradualDeployment }),
  };
}
