import { newId, type RepositoryId } from '../../src/core/base/index.ts';
import {
  MasterBundle,
  type RepositoryKeys,
  type Suite,
  type WorkerKeys,
} from '../../src/core/crypto/index.ts';
import { SeededRandom } from './seeded-random.ts';

/** Keys of a repository that exists only in a test; the same ones for the same seed. */
export interface TestKeys {
  readonly repository: RepositoryId;
  readonly bundle: MasterBundle;
  readonly keys: RepositoryKeys;
  readonly workerKeys: WorkerKeys;
}

export function testKeys(seed: number | string = 1, suite: Suite = 1): TestKeys {
  const random = new SeededRandom(`keys ${seed}`);
  const repository = newId(random);
  const bundle = MasterBundle.create(repository, 0, random);
  return {
    repository,
    bundle,
    keys: bundle.repositoryKeys(suite),
    workerKeys: bundle.workerKeys(suite),
  };
}
