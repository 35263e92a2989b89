import type { Deployment } from '../../cdk/deployment-type.ts';

/** Two buckets, looked at every minute. */
export const deployment: Deployment = {
  name: 'home',
  region: 'eu-central-1',
  mirrors: [
    { kind: 's3', name: 'one' },
    { kind: 's3', name: 'two', prefix: 'a/part' },
  ],
  verification: {
    everyMinutes: 1,
    maxAgeDays: 30,
    bytesPerRunMax: 1024 ** 4,
    dollarsPerRunMax: 100,
  },
  notification: { silentAfterHours: 24 },
};
