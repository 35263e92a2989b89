import type { Clock } from '../../core/index.ts';
import { type MetricName, metricNamespace } from './metric-names.ts';

/**
 * Metrics in the embedded format: a line in the log that CloudWatch reads numbers out of. So no
 * function needs a right to write metrics, and none waits for it.
 */
export function metricsLine(
  deployment: string,
  clock: Clock,
  values: Readonly<Partial<Record<MetricName, number>>>,
): object {
  return {
    _aws: {
      Timestamp: clock.now(),
      CloudWatchMetrics: [
        {
          Namespace: metricNamespace,
          Dimensions: [['Deployment']],
          Metrics: Object.keys(values).map((Name) => ({ Name })),
        },
      ],
    },
    Deployment: deployment,
    ...values,
  };
}
