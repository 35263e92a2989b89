import { expect, it } from 'vitest';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { newId, type LineageId, type ObjectHash, type WriterId } from '../base/index.ts';
import { sealEntry } from './entry-codec.ts';

it('seals nothing that could not be read again', () => {
  const random = new SeededRandom('entry-codec');
  const { keys, repository } = testKeys();
  const place = {
    number: 1,
    lineage: newId(random) as LineageId,
    previous: '0'.repeat(64) as ObjectHash,
    writer: newId(random) as WriterId,
    entryId: newId(random),
    time: 1,
  };
  const seal = (mirrorsMin: number): unknown =>
    sealEntry([{ type: 'settings', mirrorsMin }], place, {
      keys,
      repository,
      salt: () => random.bytes(32),
    });
  expect(() => seal(1)).not.toThrow();
  expect(() => seal(-1)).toThrow(/mirrorsMin/);
});
