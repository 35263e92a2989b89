import type { Catalog, Clock, ObjectStore } from '../../core/index.ts';

/** Keys for a bucket of another provider, as the secret of a mirror holds them. */
export interface BucketKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Everything outside a worker. Tests hand in their own. */
export interface Surroundings {
  readonly clock: Clock;
  readonly openStore: (url: string, keys: BucketKeys | undefined) => Promise<ObjectStore>;
  readonly openCatalog: (url: string) => Promise<Catalog>;
  /** The keys that a secret holds. */
  readonly readSecret: (name: string) => Promise<BucketKeys>;
  readonly send: (queueUrl: string, body: string) => Promise<void>;
  readonly publish: (topicArn: string, subject: string, text: string) => Promise<void>;
  /** One line of JSON for the log. */
  readonly log: (line: object) => void;
  /** A name that no other run has. */
  readonly newHolder: () => string;
}
