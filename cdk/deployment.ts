import type { Deployment } from './deployment-type.ts';

/**
 * What is deployed: edit this file, and only this file. `docs/deploy.md` explains each line. As it
 * stands, two buckets in two regions are made and watched.
 */
export const deployment: Deployment = {
  name: 'home',
  region: 'eu-central-1',
  mirrors: [
    { kind: 's3', name: 'frankfurt' },
    { kind: 's3', name: 'ireland', region: 'eu-west-1' },
    // A bucket at another provider. Its keys go into Secrets Manager: docs/deploy.md.
    // {
    //   kind: 'other',
    //   name: 'b2',
    //   url: 's3://my-bucket?region=us-west-004&endpoint=https://s3.us-west-004.backblazeb2.com',
    //   price: 'b2',
    // },
  ],
  verification: {
    everyMinutes: 60,
    maxAgeDays: 30,
    bytesPerRunMax: 200 * 1024 ** 3,
    dollarsPerRunMax: 0.5,
  },
  notification: {
    // email: 'ann@example.org',
    silentAfterHours: 48,
  },
};
