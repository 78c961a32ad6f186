/** CodeDeploy's predefined configurations for Lambda, without `CodeDeployDefault.`, and for how many minutes each shifts traffic. */
export const GRADUAL_DEPLOYMENTS = {
  LambdaCanary10Percent5Minutes: 5,
  LambdaCanary10Percent10Minutes: 10,
  LambdaCanary10Percent15Minutes: 15,
  LambdaCanary10Percent30Minutes: 30,
  LambdaLinear10PercentEvery1Minute: 10,
  LambdaLinear10PercentEvery2Minutes: 20,
  LambdaLinear10PercentEvery3Minutes: 30,
  LambdaLinear10PercentEvery10Minutes: 100,
  LambdaAllAtOnce: 0,
} as const;

/** How a deployment goes from one version of a function to the next. */
export type GradualDeployment = keyof typeof GRADUAL_DEPLOYMENTS;

export const GRADUAL_DEPLOYMENT_NAMES = Object.keys(GRADUAL_DEPLOYMENTS) as [GradualDeployment, ...GradualDeployment[]];
