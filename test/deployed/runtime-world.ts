import { join } from 'node:path';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { buildApp } from '../../cdk/build-app.ts';
import type { Deployment } from '../../cdk/deployment-type.ts';
import cdkJson from '../../cdk/cdk.json' with { type: 'json' };
import { type CloudResource, resolveTemplate } from '../support/cloud-template.ts';
import type { Emulator } from './emulator.ts';
import { type Invoked, LambdaProcess } from './lambda-process.ts';

const account = '000000000000';

/** What a queue gave to a function at once, and what became of it. */
export interface Worked {
  readonly records: readonly SQSRecord[];
  readonly invoked: Invoked;
  /** Bodies of the messages that go back into the queue. */
  readonly failed: readonly string[];
}

/**
 * The functions of a synthesised deployment, each bundle under the runtime client of AWS with the
 * settings that stand in the template; queues, topic and secrets as the template has them.
 */
export class RuntimeWorld implements AsyncDisposable {
  readonly #aws: Emulator;
  readonly #client: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #resources: readonly CloudResource[];
  readonly #directory: string;
  readonly #queues: SQSClient;
  readonly #lambdas = new Map<string, LambdaProcess>();

  private constructor(
    aws: Emulator,
    options: { readonly client: string; readonly env: Readonly<Record<string, string>> },
    resources: readonly CloudResource[],
  ) {
    this.#aws = aws;
    this.#client = options.client;
    this.#env = options.env;
    this.#resources = resources;
    this.#directory = aws.path('cdk.out');
    const { endpoint, region, credentials } = aws;
    this.#queues = new SQSClient({ endpoint, region, credentials });
  }

  /** Synthesises the stacks, and makes what the functions need besides mirrors and table. */
  static async make(
    aws: Emulator,
    deployment: Deployment,
    options: {
      /** Of the runtime client. */
      readonly client: string;
      readonly env: Readonly<Record<string, string>>;
      readonly secret: string;
    },
  ): Promise<RuntimeWorld> {
    const { context } = cdkJson;
    const { app } = buildApp(deployment, { account, outdir: aws.path('cdk.out'), context });
    const resources = app
      .synth()
      .stacks.flatMap(({ template }: { template: object }) =>
        resolveTemplate({ ...template }, { account, region: aws.region, queues: aws.endpoint }),
      );
    const world = new RuntimeWorld(aws, options, resources);
    await world.#makeQueues();
    const { endpoint, region, credentials } = aws;
    const topics = new SNSClient({ endpoint, region, credentials });
    await topics.send(new CreateTopicCommand({ Name: `versions-${deployment.name}` }));
    topics.destroy();
    const secrets = new SecretsManagerClient({ endpoint, region, credentials });
    for (const { properties } of world.#ofType('AWS::SecretsManager::Secret')) {
      const input = { Name: String(properties['Name']), SecretString: options.secret };
      await secrets.send(new CreateSecretCommand(input));
    }
    secrets.destroy();
    return world;
  }

  get queues(): SQSClient {
    return this.#queues;
  }

  /** A function by the end of its name; each `instance` is a process of its own. */
  async lambda(
    name: string,
    { instance = 1, env = {} }: { instance?: number; env?: Record<string, string> } = {},
  ): Promise<LambdaProcess> {
    const key = `${name} ${instance}`;
    const known = this.#lambdas.get(key);
    if (known !== undefined) return known;
    const { properties } = this.#functionOf(name);
    const { S3Key: archive } = properties['Code'] as { S3Key: string };
    const lambda = await LambdaProcess.start({
      client: this.#client,
      // What would be uploaded as HASH.zip lies beside the templates.
      bundle: join(this.#directory, `asset.${archive.replace(/\.zip$/, '')}`),
      functionName: String(properties['FunctionName']),
      handler: String(properties['Handler']),
      memoryMb: Number(properties['MemorySize']),
      env: { ...this.#aws.env, ...this.#env, VERSIONS_SETTINGS: this.settings(name), ...env },
    });
    this.#lambdas.set(key, lambda);
    return lambda;
  }

  /** What the template tells a function about its deployment. */
  settings(name: string): string {
    const environment = this.#functionOf(name).properties['Environment'];
    const { Variables } = environment as { Variables: { VERSIONS_SETTINGS: string } };
    return Variables.VERSIONS_SETTINGS;
  }

  async send(queue: string, body: string): Promise<void> {
    await this.#queues.send(
      new SendMessageCommand({ QueueUrl: this.#urlOf(queue), MessageBody: body }),
    );
  }

  /** What is in a queue now; it stays hidden from others. */
  async receive(queue: string, most = 10): Promise<readonly Message[]> {
    const { Messages = [] } = await this.#queues.send(
      new ReceiveMessageCommand({
        QueueUrl: this.#urlOf(queue),
        MaxNumberOfMessages: most,
        MessageSystemAttributeNames: ['All'],
      }),
    );
    return Messages;
  }

  /**
   * What the mapping of a queue does: hands messages to the function, and deletes those that did not
   * fail. The others can be seen again at once, as they would be when their time is over. Undefined
   * if the queue is empty.
   */
  async work(
    queue: string,
    lambda: LambdaProcess,
    { batch = 1, timeoutMs = 60_000 }: { batch?: number; timeoutMs?: number } = {},
  ): Promise<Worked | undefined> {
    const messages = await this.receive(queue, batch);
    if (messages.length === 0) return undefined;
    const records = messages.map((message) => this.#recordOf(queue, message));
    const invoked = await lambda.invoke({ Records: records }, timeoutMs);
    const failed = failedOf(invoked);
    for (const { MessageId = '', ReceiptHandle } of messages) {
      const at = { QueueUrl: this.#urlOf(queue), ReceiptHandle };
      await (failed === 'all' || failed.has(MessageId)
        ? this.#queues.send(new ChangeMessageVisibilityCommand({ ...at, VisibilityTimeout: 0 }))
        : this.#queues.send(new DeleteMessageCommand(at)));
    }
    const back = records.filter(({ messageId }) => failed === 'all' || failed.has(messageId));
    return { records, invoked, failed: back.map(({ body }) => body) };
  }

  /** Works a queue off to its end. */
  async drain(queue: string, lambda: LambdaProcess): Promise<readonly Worked[]> {
    const all: Worked[] = [];
    for (;;) {
      const worked = await this.work(queue, lambda);
      if (worked === undefined) return all;
      all.push(worked);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lambda of this.#lambdas.values()) await lambda[Symbol.asyncDispose]();
    this.#queues.destroy();
  }

  /** Visible again only when the test says so; all else as in the template. */
  async #makeQueues(): Promise<void> {
    for (const { properties } of this.#ofType('AWS::SQS::Queue')) {
      const redrive = properties['RedrivePolicy'];
      await this.#queues.send(
        new CreateQueueCommand({
          QueueName: String(properties['QueueName']),
          Attributes: {
            VisibilityTimeout: '3600',
            ...(redrive === undefined ? {} : { RedrivePolicy: JSON.stringify(redrive) }),
          },
        }),
      );
    }
  }

  #ofType(type: string): readonly CloudResource[] {
    // Dead-letter queues first: the others refer to them.
    const own = this.#resources.filter((resource) => resource.type === type);
    return own.toSorted(
      (a, b) => Number('RedrivePolicy' in a.properties) - Number('RedrivePolicy' in b.properties),
    );
  }

  #functionOf(name: string): CloudResource {
    const found = this.#ofType('AWS::Lambda::Function').find(({ properties }) =>
      String(properties['FunctionName']).endsWith(`-${name}`),
    );
    if (found === undefined) throw new Error(`The template has no function ${name}`);
    return found;
  }

  #urlOf(queue: string): string {
    return `${this.#aws.endpoint}/${account}/versions-home-${queue}`;
  }

  #recordOf(queue: string, message: Message): SQSRecord {
    const { MessageId = '', ReceiptHandle = '', Body = '', MD5OfBody = '' } = message;
    const { Attributes = {} } = message;
    return {
      messageId: MessageId,
      receiptHandle: ReceiptHandle,
      body: Body,
      attributes: {
        ApproximateReceiveCount: Attributes.ApproximateReceiveCount ?? '',
        SentTimestamp: Attributes.SentTimestamp ?? '',
        SenderId: Attributes.SenderId ?? '',
        ApproximateFirstReceiveTimestamp: Attributes.ApproximateFirstReceiveTimestamp ?? '',
      },
      messageAttributes: {},
      md5OfBody: MD5OfBody,
      eventSource: 'aws:sqs',
      eventSourceARN: `arn:aws:sqs:${this.#aws.region}:${account}:versions-home-${queue}`,
      awsRegion: this.#aws.region,
    };
  }
}

/** Ids of the messages that an answer names; all of them if there is none. */
function failedOf(invoked: Invoked): ReadonlySet<string> | 'all' {
  if (invoked.outcome !== 'answered') return 'all';
  const { batchItemFailures } = invoked.answer as SQSBatchResponse;
  return new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
}
