import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { byteStringFromText } from '../../src/core/base/index.ts';
import { encodeEntry, type TreeEntry } from '../../src/core/format/index.ts';
import { encodeTreePage } from '../../src/core/format/tree-page.ts';
import { forgeSnapshot } from '../support/forge.ts';
import { createTestRepository } from '../support/test-repository.ts';

const file = (name: string, flags?: number): TreeEntry => ({
  name: byteStringFromText(name),
  kind: 'file',
  mode: 0o600,
  mtimeSeconds: 1,
  mtimeNanos: 0,
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  size: 2,
  inline: Buffer.from('hi'),
  ...(flags === undefined ? {} : { flags }),
});

/** Written as they are stored, because not every file system has inode flags. */
it('inode flags that a restore does not set are counted, and it is said once', async () => {
  using repository = await createTestRepository();
  const source = repository.path('source');
  mkdirSync(source);
  await repository.backup(source);
  const entries = [file('append', 0x20), file('immutable', 0x10), file('plain')];
  const page = Buffer.concat(entries.map((entry) => encodeEntry(entry)));
  const id = await forgeSnapshot(repository, (forger) =>
    forger.put('tree', encodeTreePage(0, entries.length, page)),
  );
  const snapshots = await repository.snapshots();
  const flagsSaid = async (target: string, of: (id: string) => boolean): Promise<string[]> => {
    const snapshot = snapshots.find((each) => of(each.id));
    if (snapshot === undefined) throw new Error('It is not listed');
    const { monitor } = await repository.restore(repository.path(target), { snapshot });
    return monitor.notes.filter((note) => note.includes('flags (immutable'));
  };
  expect(await flagsSaid('forged', (each) => each === id)).toEqual([
    'Inode flags (immutable, append-only, …) are recorded and not set: 2 of what is restored had some',
  ]);
  expect(await flagsSaid('honest', (each) => each !== id)).toEqual([]);
});
