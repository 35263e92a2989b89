import { Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
  TimeWindow,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { WorkerMirror, WorkerSettings } from '../../src/lambdas/shared/worker-settings.ts';
import {
  extendLocks,
  listObjects,
  objectKeys,
  readMarker,
  readObjects,
  readSecret,
  readTable,
  tableArnsOf,
  type TableArns,
  takeClaims,
  writeLedger,
  writeObjects,
} from '../access.ts';
import { acknowledge } from '../constructs/acknowledge.ts';
import { WorkQueue } from '../constructs/work-queue.ts';
import { WorkerFunction } from '../constructs/worker-function.ts';
import type { Deployment, MirrorDeployment } from '../deployment-type.ts';
import { secretName, type SecretRole, urlOf } from '../mirror-place.ts';
import { catalogUrlOf, tableNameOf } from './data-stack.ts';

/** What can be watched of one mirror. */
export interface MirrorQueues {
  readonly mirror: MirrorDeployment;
  readonly verify: WorkQueue;
  readonly heal: WorkQueue;
}

const timeouts = {
  planner: Duration.minutes(10),
  verifier: Duration.minutes(10),
  healer: Duration.minutes(15),
  reporter: Duration.minutes(15),
} as const;

const healersPerMirror = 2;
const reportHours = 1;

/** Schedules, queues and functions. Holds no data: it may be destroyed and made anew at any time. */
export class VerificationStack extends Stack {
  readonly topic: Topic;
  readonly queues: readonly MirrorQueues[];
  readonly functions: readonly IFunction[];
  readonly missedSchedules: Queue;
  readonly #deployment: Deployment;
  readonly #table: TableArns;

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & { readonly deployment: Deployment },
  ) {
    super(scope, id, props);
    const { deployment } = props;
    this.#deployment = deployment;
    this.#table = tableArnsOf(deployment, tableNameOf(deployment));
    this.topic = new Topic(this, 'Notices', {
      topicName: `versions-${deployment.name}`,
      enforceSSL: true,
    });
    const { email } = deployment.notification;
    if (email !== undefined) this.topic.addSubscription(new EmailSubscription(email));
    this.missedSchedules = new Queue(this, 'MissedSchedules', {
      queueName: `versions-${deployment.name}-missed`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledge(
      this.missedSchedules,
      'AwsSolutions-SQS3',
      'It is the dead-letter queue itself: of the schedules, which cdk-nag does not look at.',
    );
    this.queues = deployment.mirrors.map((mirror) => ({
      mirror,
      verify: new WorkQueue(this, `Verify-${mirror.name}`, {
        queueName: `versions-${deployment.name}-verify-${mirror.name}`,
        timeout: timeouts.verifier,
      }),
      heal: new WorkQueue(this, `Heal-${mirror.name}`, {
        queueName: `versions-${deployment.name}-heal-${mirror.name}`,
        timeout: timeouts.healer,
      }),
    }));
    this.functions = [
      this.#addPlanner(),
      ...this.queues.flatMap((queues) => [this.#addVerifier(queues), this.#addHealer(queues)]),
      this.#addReporter(),
    ];
  }

  #addPlanner(): IFunction {
    const { everyMinutes } = this.#deployment.verification;
    const { mirrors } = this.#deployment;
    const planner = new WorkerFunction(this, 'Planner', {
      functionName: `versions-${this.#deployment.name}-planner`,
      worker: 'planner',
      memoryMb: 512,
      timeout: timeouts.planner,
      // Two planners at once would only ask for the same work twice.
      concurrencyMax: 1,
      environment: this.#environment({ secrets: 'reader', queues: 'all' }),
      statements: [
        readTable(this.#table),
        writeLedger(this.#table),
        takeClaims(this.#table),
        ...mirrors.flatMap((mirror) => [
          ...readMarker(this.#deployment, mirror),
          ...listObjects(this.#deployment, mirror),
          ...readSecret(this, this.#deployment, mirror, 'reader'),
        ]),
        sendTo(this.queues.flatMap(({ verify, heal }) => [verify.queue, heal.queue])),
      ],
    });
    this.#schedule('Plan', planner, Duration.minutes(everyMinutes), {});
    return planner.function;
  }

  #addVerifier({ mirror, verify, heal }: MirrorQueues): IFunction {
    const verifier = new WorkerFunction(this, `Verifier-${mirror.name}`, {
      functionName: `versions-${this.#deployment.name}-verifier-${mirror.name}`,
      worker: 'verifier',
      memoryMb: 1024,
      timeout: timeouts.verifier,
      environment: this.#environment({ own: mirror.name, secrets: 'reader', queues: 'own' }),
      statements: [
        readTable(this.#table),
        writeLedger(this.#table),
        ...readObjects(this.#deployment, mirror),
        ...extendLocks(this.#deployment, mirror),
        ...readSecret(this, this.#deployment, mirror, 'reader'),
        sendTo([verify.queue, heal.queue]),
        receiveFrom(verify.queue),
      ],
    });
    const atOnce = this.#deployment.verification.verifiersPerMirror ?? 2;
    this.#workOff(`Verify-${mirror.name}-Mapping`, verifier, verify.queue, atOnce);
    return verifier.function;
  }

  /** Reads every mirror, writes to one, deletes nothing. */
  #addHealer({ mirror, verify, heal }: MirrorQueues): IFunction {
    const { mirrors } = this.#deployment;
    const healer = new WorkerFunction(this, `Healer-${mirror.name}`, {
      functionName: `versions-${this.#deployment.name}-healer-${mirror.name}`,
      worker: 'healer',
      // Several copies of one pack at a time, to put a whole one together of their pieces.
      memoryMb: 2048,
      timeout: timeouts.healer,
      environment: this.#environment({ own: mirror.name, secrets: 'healer', queues: 'own' }),
      statements: [
        readTable(this.#table),
        writeLedger(this.#table),
        ...mirrors.flatMap((each) => readObjects(this.#deployment, each)),
        ...mirrors.flatMap((each) =>
          readSecret(this, this.#deployment, each, each === mirror ? 'healer' : 'reader'),
        ),
        ...writeObjects(this.#deployment, mirror, [...objectKeys, 'quarantine/*']),
        sendTo([verify.queue, heal.queue]),
        receiveFrom(heal.queue),
      ],
    });
    this.#workOff(`Heal-${mirror.name}-Mapping`, healer, heal.queue, healersPerMirror);
    return healer.function;
  }

  #addReporter(): IFunction {
    const reporter = new WorkerFunction(this, 'Reporter', {
      functionName: `versions-${this.#deployment.name}-reporter`,
      worker: 'reporter',
      memoryMb: 512,
      timeout: timeouts.reporter,
      concurrencyMax: 1,
      environment: this.#environment({ topic: this.topic.topicArn, secrets: 'reader' }),
      statements: [
        readTable(this.#table),
        writeLedger(this.#table),
        ...this.#deployment.mirrors.flatMap((mirror) => [
          ...readMarker(this.#deployment, mirror),
          ...listObjects(this.#deployment, mirror),
          ...readSecret(this, this.#deployment, mirror, 'reader'),
        ]),
        new PolicyStatement({ actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
      ],
    });
    const every = Math.min(reportHours * 60, this.#deployment.verification.everyMinutes);
    this.#schedule('Report', reporter, Duration.minutes(every), { count: false });
    this.#schedule('Count', reporter, Duration.days(1), { count: true });
    return reporter.function;
  }

  #environment(about: {
    readonly own?: string;
    readonly topic?: string;
    readonly secrets: SecretRole;
    readonly queues?: 'own' | 'all';
  }): Record<string, string> {
    const { verification, notification, name } = this.#deployment;
    const settings: WorkerSettings = {
      deployment: name,
      catalog: catalogUrlOf(this.#deployment),
      mirrors: this.queues.map(({ mirror, verify, heal }): WorkerMirror => {
        const hasQueues = about.queues === 'all' || (about.queues && about.own === mirror.name);
        // A healer has keys that can write to its own mirror alone.
        const role: SecretRole = mirror.name === about.own ? about.secrets : 'reader';
        return {
          name: mirror.name,
          url: urlOf(this.#deployment, mirror),
          price: mirror.kind === 'other' ? mirror.price : 's3-standard',
          ...(mirror.kind === 'other'
            ? { secret: secretName(this.#deployment, mirror.name, role) }
            : {}),
          ...(hasQueues
            ? { verifyQueue: verify.queue.queueUrl, healQueue: heal.queue.queueUrl }
            : {}),
        };
      }),
      ...(about.own === undefined ? {} : { own: about.own }),
      ...(about.topic === undefined ? {} : { topic: about.topic }),
      maxAgeDays: verification.maxAgeDays,
      bytesPerRunMax: verification.bytesPerRunMax,
      dollarsPerRunMax: verification.dollarsPerRunMax,
      silentAfterHours: notification.silentAfterHours,
    };
    return { VERSIONS_SETTINGS: this.toJsonString(settings) };
  }

  #schedule(id: string, worker: WorkerFunction, every: Duration, input: object): void {
    new Schedule(this, id, {
      scheduleName: `versions-${this.#deployment.name}-${id.toLowerCase()}`,
      schedule: ScheduleExpression.rate(every),
      timeWindow: TimeWindow.off(),
      target: new LambdaInvoke(worker.function, {
        role: this.#schedulerRole(id, worker),
        deadLetterQueue: this.missedSchedules,
        retryAttempts: 2,
        input: ScheduleTargetInput.fromObject(input),
      }),
    });
  }

  /** May start one function, at the version that is deployed, and nothing else. */
  #schedulerRole(id: string, worker: WorkerFunction): IRole {
    const role = new Role(this, `${id}-Role`, {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [worker.function.functionArn],
      }),
    );
    role.addToPolicy(sendTo([this.missedSchedules]));
    return role.withoutPolicyUpdates();
  }

  #workOff(id: string, worker: WorkerFunction, queue: Queue, atOnce: number): void {
    const mapping = new EventSourceMapping(this, id, {
      target: worker.function,
      eventSourceArn: queue.queueArn,
      batchSize: 1,
      maxConcurrency: atOnce,
      reportBatchItemFailures: true,
    });
    mapping.node.addDependency(worker.role);
  }
}

function sendTo(queues: readonly Queue[]): PolicyStatement {
  return new PolicyStatement({
    actions: ['sqs:SendMessage'],
    resources: queues.map((queue) => queue.queueArn),
  });
}

function receiveFrom(queue: Queue): PolicyStatement {
  return new PolicyStatement({
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    resources: [queue.queueArn],
  });
}
