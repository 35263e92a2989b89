import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  ForwardingStore,
  type ObjectStore,
  openStore,
  S3Store,
  type StoreProperties,
} from '../../../src/core/store/index.ts';
import { bytesOf, failureOf, objectStoreContract } from '../../contract/object-store.ts';
import { makeBucket, serviceCredentials, urlOf } from '../buckets.ts';
import type { ServiceName } from '../service.ts';
import { type Services, startServices } from '../services.ts';

let services: Services;
let count = 0;
beforeAll(async () => {
  services = await startServices(['minio-1', 'versitygw']);
});
afterAll(() => services[Symbol.asyncDispose]());

async function newBucketUrl(name: ServiceName, prefix = ''): Promise<string> {
  const service = services.get(name);
  count += 1;
  await makeBucket(service, `contract-${count}`);
  return urlOf(service, `contract-${count}${prefix}`);
}

/** versitygw looks whether the key is there, then renames: of many at once, several may win. */
class AdvisoryStore extends ForwardingStore {
  override get properties(): StoreProperties {
    return { ...this.inner.properties, conditionalPut: false };
  }
}

for (const name of ['minio-1', 'versitygw'] as const) {
  const judged = (store: ObjectStore): ObjectStore =>
    name === 'versitygw' ? new AdvisoryStore(store) : store;
  objectStoreContract(`A bucket of ${name}`, async () =>
    judged(S3Store.open(await newBucketUrl(name), { credentials: serviceCredentials })),
  );
  objectStoreContract(`A bucket of ${name} with everything around it, below a prefix`, async () =>
    judged(
      await openStore(await newBucketUrl(name, '/a/prefix'), { credentials: serviceCredentials }),
    ),
  );
}

it('versitygw refuses, one after the other, what is there already', async () => {
  await using store = S3Store.open(await newBucketUrl('versitygw'), {
    credentials: serviceCredentials,
  });
  await store.put('once', [bytesOf(1, 10)], { ifAbsent: true });
  const again = store.put('once', [bytesOf(2, 10)], { ifAbsent: true });
  expect(await failureOf(again)).toBe('Conflict OBJECT_EXISTS');
});
