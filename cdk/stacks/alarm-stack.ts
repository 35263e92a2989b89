import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Construct } from 'constructs';
import { type MetricName, metricNamespace } from '../../src/lambdas/shared/metric-names.ts';
import type { Deployment } from '../deployment-type.ts';
import type { VerificationStack } from './verification-stack.ts';

/** What somebody should be woken for, and a page with everything else. */
export class AlarmStack extends Stack {
  readonly #deployment: Deployment;
  readonly #action: SnsAction;

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      readonly deployment: Deployment;
      readonly verification: VerificationStack;
    },
  ) {
    super(scope, id, props);
    const { deployment, verification } = props;
    this.#deployment = deployment;
    this.#action = new SnsAction(verification.topic);
    this.#addAlarms();
    this.#watchQueues(verification);
    this.#addDashboard();
  }

  #addAlarms(): void {
    const { maxAgeDays } = this.#deployment.verification;
    this.#alarm('Lost', this.#metric('ObjectsLost', Stats.MAXIMUM), 0, 'Objects have no good copy');
    this.#alarm(
      'Breaker',
      this.#metric('BreakersTripped', Stats.SUM),
      0,
      'So much is wrong with a mirror that healing has stopped; look before anything is changed',
    );
    this.#alarm(
      'Silent',
      this.#metric('ClientsSilent', Stats.MAXIMUM),
      0,
      'A client has not saved anything for longer than it should',
    );
    this.#alarm(
      'Unverified',
      this.#metric('OldestUnverifiedDays', Stats.MAXIMUM),
      // A rotation that is late by half has a budget that is too small, or a mirror that is away.
      maxAgeDays * 1.5,
      'Copies have not been verified for too long: raise the budget, or look at the mirror',
    );
    // Nothing that fails to run can report that it fails to run.
    new Alarm(this, 'ReporterStopped', {
      alarmName: `versions-${this.#deployment.name}-reporter-stopped`,
      alarmDescription: 'Nothing was reported for a day: the functions do not run',
      metric: this.#metric('Reports', Stats.SUM).with({ period: Duration.days(1) }),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.BREACHING,
    }).addAlarmAction(this.#action);
  }

  #watchQueues({ queues, missedSchedules }: VerificationStack): void {
    const dead = queues.flatMap(({ verify, heal }) => [verify.deadLetters, heal.deadLetters]);
    for (const queue of [...dead, missedSchedules]) {
      this.#alarm(
        `Dead-${queue.node.path.replaceAll('/', '-')}`,
        queue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM }),
        0,
        `Work was given up three times: look into queue ${queue.node.path}`,
      );
    }
  }

  #alarm(id: string, metric: Metric, threshold: number, description: string): void {
    new Alarm(this, id, {
      alarmDescription: description,
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      // Counts come once a day; silence between them says nothing.
      treatMissingData: TreatMissingData.IGNORE,
    }).addAlarmAction(this.#action);
  }

  #addDashboard(): void {
    const graph = (title: string, left: IMetric[]): GraphWidget =>
      new GraphWidget({ title, left, width: 12 });
    new Dashboard(this, 'Dashboard', {
      dashboardName: `versions-${this.#deployment.name}`,
    }).addWidgets(
      graph('Objects by number of good copies', [
        this.#metric('ObjectsLost', Stats.MAXIMUM),
        this.#metric('ObjectsWithOneCopy', Stats.MAXIMUM),
        this.#metric('ObjectsWithTwoCopies', Stats.MAXIMUM),
        this.#metric('ObjectsWithMoreCopies', Stats.MAXIMUM),
      ]),
      graph('Copies that are missing or bad', [
        this.#metric('CopiesOwed', Stats.MAXIMUM),
        this.#metric('CopiesBad', Stats.MAXIMUM),
      ]),
      graph('Verified', [
        this.#metric('CopiesVerified', Stats.SUM),
        this.#metric('CopiesFoundBad', Stats.SUM),
      ]),
      graph('Healed', [
        this.#metric('CopiesHealed', Stats.SUM),
        this.#metric('CopiesNotHealed', Stats.SUM),
      ]),
      graph('Bytes verified', [this.#metric('BytesVerified', Stats.SUM)]),
      graph('Days since the copy longest unverified was read', [
        this.#metric('OldestUnverifiedDays', Stats.MAXIMUM),
      ]),
    );
  }

  #metric(metricName: MetricName, statistic: string): Metric {
    return new Metric({
      namespace: metricNamespace,
      metricName,
      dimensionsMap: { Deployment: this.#deployment.name },
      period: Duration.hours(1),
      statistic,
    });
  }
}
