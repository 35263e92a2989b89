import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { VersionsError } from '../../src/core/errors/index.ts';
import {
  DirectoryStore,
  FaultyStore,
  ForwardingStore,
  LimitedStore,
  MemoryStore,
  openStore,
  RecordingStore,
  RetryingStore,
} from '../../src/core/store/index.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { objectStoreContract } from './object-store.ts';

const directories: string[] = [];
afterEach(async () => {
  for (const path of directories.splice(0)) await rm(path, { recursive: true, force: true });
});

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'versions-store-'));
  directories.push(path);
  return path;
}

const retry = () => ({ clock: new FakeClock({ skips: true }), random: new SeededRandom('retry') });

/** Fails every third call, half of the time after the work is done. */
function everyThirdFails(): FaultyStore {
  const store = new FaultyStore(new MemoryStore());
  let count = 0;
  store.otherwise = () => {
    count += 1;
    if (count % 3 !== 0) return undefined;
    const error = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'Try again');
    return count % 2 === 0 ? { error } : { lostAnswer: error };
  };
  return store;
}

objectStoreContract('MemoryStore', async () => new MemoryStore());
objectStoreContract('DirectoryStore', async () => DirectoryStore.open(await newDirectory()));
objectStoreContract('DirectoryStore in a new directory, by URL', async () =>
  openStore(`file://${await newDirectory()}/new/store`, { create: true }),
);
objectStoreContract('ForwardingStore', async () => new ForwardingStore(new MemoryStore()));
objectStoreContract('LimitedStore', async () => new LimitedStore(new MemoryStore(), 2));
objectStoreContract('RetryingStore', async () => new RetryingStore(new MemoryStore(), retry()));
objectStoreContract(
  'RetryingStore around a store that fails now and then',
  async () => new RetryingStore(everyThirdFails(), retry()),
);
objectStoreContract('RecordingStore', async () => new RecordingStore(new MemoryStore()));
objectStoreContract('FaultyStore without faults', async () => new FaultyStore(new MemoryStore()));
objectStoreContract(
  'All decorators around a directory',
  async () =>
    new RetryingStore(
      new LimitedStore(
        new RecordingStore(new FaultyStore(await DirectoryStore.open(await newDirectory()))),
      ),
      retry(),
    ),
);
