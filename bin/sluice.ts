import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { addStacks } from "../lib/sluice-app.ts";
import { SynthError } from "../lib/synth-error.ts";

/** The CDK app: `npm run synth -- -c stage=dev`. What is wrong with what it was given is shown without a stack. */
const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
try {
  addStacks(app, { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION });
} catch (error) {
  if (!(error instanceof SynthError)) throw error;
  console.error(error.message);
  process.exit(1);
}
