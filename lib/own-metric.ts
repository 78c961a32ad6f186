import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import { METRICS_NAMESPACE, type MetricName, SERVICE_NAME } from "../src/contract/metrics.ts";
import { METRIC_PERIOD } from "./monitoring.ts";

/** A figure that the functions write, with the dimensions that they give it. */
export function ownMetric(
  name: MetricName,
  stage: string,
  dimensions: Readonly<Record<string, string>> = {},
  { statistic = Stats.SUM, label }: { readonly statistic?: string; readonly label?: string } = {},
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: SERVICE_NAME, stage, ...dimensions },
    period: METRIC_PERIOD,
    statistic,
    ...(label === undefined ? {} : { label }),
  });
}
