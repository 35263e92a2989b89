import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Emulator } from './emulator.ts';

const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: '*',
    },
  ],
});

/** Lets a queue receive what a topic tells people; returns what gives all that came so far. */
export async function listenTo(
  topicArn: string,
  { endpoint, region, credentials }: Emulator,
  queues: SQSClient,
): Promise<() => Promise<string>> {
  const { QueueUrl } = await queues.send(
    new CreateQueueCommand({ QueueName: 'notices', Attributes: { Policy: policy } }),
  );
  const wanted = { QueueUrl, AttributeNames: ['QueueArn' as const] };
  const { Attributes } = await queues.send(new GetQueueAttributesCommand(wanted));
  const topics = new SNSClient({ endpoint, region, credentials });
  const to = { Protocol: 'sqs', Endpoint: Attributes?.['QueueArn'] };
  await topics.send(new SubscribeCommand({ TopicArn: topicArn, ...to }));
  topics.destroy();
  let heard = '';
  return async () => {
    const most = { QueueUrl, MaxNumberOfMessages: 10 };
    const { Messages = [] } = await queues.send(new ReceiveMessageCommand(most));
    heard += Messages.map(({ Body }) => Body).join('\n');
    return heard;
  };
}
