import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type IAlarmAction,
  type IMetric,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import type { Construct } from "constructs";

/** Who is told of alarms, and where it says what to do. */
export interface Monitoring {
  readonly alarmActions: readonly IAlarmAction[];
  /** The address of `docs/runbook.md`. */
  readonly runbookUrl: string;
}

export interface SluiceAlarmProps {
  readonly metric: IMetric;
  /** What it means, in a sentence. */
  readonly meaning: string;
  /** The paragraph of the runbook: its heading, as an anchor. */
  readonly paragraph: Paragraph;
  /** It goes off above this. @default 0 */
  readonly above?: number;
  /** It goes off below this, in place of `above`. */
  readonly below?: number;
  /** Periods in a row. @default 1 */
  readonly periods?: number;
  /** What no data means. @default that all is well */
  readonly missing?: TreatMissingData;
}

/** Headings of `docs/runbook.md`. */
export const PARAGRAPHS = [
  "oldest-message",
  "dead-letters",
  "throttles",
  "reconciler-not-running",
  "undelivered-events",
  "api-errors",
  "live-delivery",
  "table-throttles",
  "account-concurrency",
  "recursion",
  "deployments-and-their-number",
] as const;
export type Paragraph = (typeof PARAGRAPHS)[number];

/** Of all figures: the finest that AWS keeps without an extra charge. */
export const METRIC_PERIOD = Duration.minutes(1);

/** An alarm whose description says what to do. */
export function addAlarm(
  scope: Construct,
  id: string,
  { alarmActions, runbookUrl }: Monitoring,
  props: SluiceAlarmProps,
): Alarm {
  const { metric, meaning, paragraph, above = 0, below, periods = 1, missing = TreatMissingData.NOT_BREACHING } = props;
  const settings: AlarmProps = {
    metric,
    alarmDescription: `${meaning} What to do: ${runbookUrl}#${paragraph}`,
    threshold: below ?? above,
    comparisonOperator:
      below === undefined ? ComparisonOperator.GREATER_THAN_THRESHOLD : ComparisonOperator.LESS_THAN_THRESHOLD,
    evaluationPeriods: periods,
    treatMissingData: missing,
  };
  const alarm = new Alarm(scope, id, settings);
  alarm.addAlarmAction(...alarmActions);
  return alarm;
}
