import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'cborg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ByteString } from '../../src/core/base/index.ts';
import { nativeCalls, readXattrs } from '../../src/core/files/index.ts';
import { encodeXattrs } from '../../src/core/format/index.ts';
import { encodeTreePage } from '../../src/core/format/tree-page.ts';
import { forgeSnapshot } from '../support/forge.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';

// Few file systems take attributes of more than 4 KiB, which lie in a chunk of their own: so an
// entry is made that has smaller ones there too.

let repository: TestRepository;
beforeEach(async () => {
  repository = await createTestRepository();
  mkdirSync(repository.path('source'));
  await repository.backup(repository.path('source'));
});
afterEach(() => repository[Symbol.dispose]());

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ASCII
const nameOf = (name: string): ByteString => name as ByteString;
const value = Buffer.from('binary\0value\xff', 'latin1');
const xattrs = [{ name: nameOf('user.large'), value }];

/** A file and a directory with attributes in the chunk of this id. */
async function restored(ref: (stored: Uint8Array) => Uint8Array): Promise<{
  readonly target: string;
  readonly problems: readonly string[];
}> {
  const id = await forgeSnapshot(repository, (forger) => {
    const chunk = ref(forger.put('data', encodeXattrs(xattrs)));
    const fields = (kind: number, more: readonly (readonly [number, unknown])[]): Uint8Array =>
      encode(
        new Map<number, unknown>([[0, Buffer.from(kind === 0 ? 'f' : 'd')], [1, kind], ...more]),
      );
    const below = forger.put('tree', encodeTreePage(0, 0, new Uint8Array(0)));
    const entries = [
      fields(1, [
        [2, 0o755],
        [15, below],
        [18, chunk],
      ]),
      fields(0, [
        [9, 2],
        [10, Buffer.from('hi')],
        [18, chunk],
      ]),
    ];
    return forger.put('tree', encodeTreePage(0, 2, Buffer.concat(entries)));
  });
  const snapshot = (await repository.snapshots()).find((each) => each.id === id);
  if (snapshot === undefined) throw new Error('The forged snapshot is not listed');
  const target = repository.path('target');
  const { problems } = await repository.restore(target, { snapshot });
  return { target, problems };
}

describe('extended attributes that are too large for their entry', () => {
  it.runIf(nativeCalls().capabilities.missingBecause === undefined)(
    'come back, those of directories too',
    async () => {
      const { target, problems } = await restored((id) => id);
      expect(problems).toEqual([]);
      for (const name of ['f', 'd']) {
        const found = readXattrs(nameOf(join(target, name)));
        expect(found).toContainEqual({ name: 'user.large', value });
      }
    },
  );

  it('that are lost take nothing else along', async () => {
    const { target, problems } = await restored(() => new Uint8Array(32));
    expect(problems).toEqual(['CHUNK_MISSING', 'CHUNK_MISSING']);
    expect(readFileSync(join(target, 'f'), 'utf8')).toBe('hi');
  });
});
