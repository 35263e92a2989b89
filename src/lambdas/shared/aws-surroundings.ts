import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { newId, openCatalog, openStore, systemClock, systemRandom } from '../../core/index.ts';
import { parseSecret } from './parse-secret.ts';
import type { BucketKeys, Surroundings } from './surroundings.ts';

const secretKeptMs = 5 * 60 * 1000;

/** The surroundings of a function in AWS. Clients are made once, and kept while it is warm. */
export function awsSurroundings(): Surroundings {
  const queues = new SQSClient();
  const topics = new SNSClient();
  const secrets = new SecretsManagerClient();
  const kept = new Map<string, { readonly keys: BucketKeys; readonly until: number }>();
  const readSecret = async (name: string): Promise<BucketKeys> => {
    const now = systemClock.now();
    const known = kept.get(name);
    if (known !== undefined && known.until > now) return known.keys;
    const answer = await secrets.send(new GetSecretValueCommand({ SecretId: name }));
    const keys = parseSecret(name, answer.SecretString);
    kept.set(name, { keys, until: now + secretKeptMs });
    return keys;
  };
  return {
    clock: systemClock,
    openStore: (url, keys) =>
      openStore(
        url,
        keys === undefined ? {} : { credentials: { kind: 'keys', load: async () => keys } },
      ),
    openCatalog: (url) => openCatalog(url),
    readSecret,
    send: async (QueueUrl, MessageBody) => {
      await queues.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    },
    publish: async (TopicArn, Subject, Message) => {
      await topics.send(new PublishCommand({ TopicArn, Subject, Message }));
    },
    log: (line) => console.log(JSON.stringify(line)),
    newHolder: () => newId(systemRandom),
  };
}
