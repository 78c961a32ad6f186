import { Metrics as PowertoolsMetrics } from "@aws-lambda-powertools/metrics";
import { METRICS_NAMESPACE, type MetricName, SERVICE_NAME } from "../src/contract/metrics.ts";
import type { MetricDimensions, Metrics, MetricUnit } from "../src/core/runtime.ts";

/**
 * Figures as log lines that CloudWatch makes metrics of (embedded metric format:
 * docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html). Those of
 * one invocation with the same dimensions share a line: each byte of it is billed.
 */
export class PowerMetrics implements Metrics {
  readonly #stage: string;
  readonly #byDimensions = new Map<string, PowertoolsMetrics>();

  constructor(stage: string) {
    this.#stage = stage;
  }

  record(name: MetricName, value: number, unit: MetricUnit, dimensions: MetricDimensions = {}): void {
    const key = JSON.stringify(Object.entries(dimensions).sort());
    let metrics = this.#byDimensions.get(key);
    if (metrics === undefined) {
      metrics = new PowertoolsMetrics({
        namespace: METRICS_NAMESPACE,
        serviceName: SERVICE_NAME,
        defaultDimensions: { stage: this.#stage, ...dimensions },
      });
      this.#byDimensions.set(key, metrics);
    }
    metrics.addMetric(name, unit, value);
  }

  flush(): void {
    for (const metrics of this.#byDimensions.values()) if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    // Models come and go; what has been written is not kept.
    this.#byDimensions.clear();
  }
}
