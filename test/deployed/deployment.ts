import type { Deployment } from '../../cdk/deployment-type.ts';

/** A bucket of somebody else, for the test that has one. */
const far = process.env['VERSIONS_TEST_FAR'];

/** Two buckets, looked at every minute; and one at another provider. */
export const deployment: Deployment = {
  name: 'home',
  region: 'eu-central-1',
  mirrors: [
    { kind: 's3', name: 'one' },
    { kind: 's3', name: 'two', prefix: 'a/part' },
    ...(far === undefined ? [] : [{ kind: 'other', name: 'far', url: far, price: 'b2' } as const]),
  ],
  verification: {
    everyMinutes: 1,
    maxAgeDays: 30,
    bytesPerRunMax: 1024 ** 4,
    dollarsPerRunMax: 100,
  },
  notification: { silentAfterHours: 24 },
};
