import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { byteStringFromText, toHex } from '../../src/core/base/index.ts';
import type { TreeEntry } from '../../src/core/format/index.ts';
import { lookUpPath, TreeReader } from '../../src/core/snapshot/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';

let repository: TestRepository;
let source: string;
const random = new SeededRandom('identity');
const path = (name: string): string => join(source, name);
const write = (name: string, bytes = 3000): void => writeFileSync(path(name), random.bytes(bytes));

beforeEach(async () => {
  repository = await createTestRepository();
  source = repository.path('source');
  mkdirSync(source);
});
afterEach(() => repository[Symbol.dispose]());

/** What is in the last snapshot, with the id of each file: explicit or computed. */
async function saved(): Promise<Map<string, { readonly id: string; readonly entry: TreeEntry }>> {
  const snapshot = await repository.latest();
  const { summary } = await repository.use(true, async (opened) => {
    const { identities } = opened.keys;
    const owner = Buffer.from(snapshot.source, 'hex');
    const trees = new TreeReader(await opened.chunks());
    const found = new Map<string, { id: string; entry: TreeEntry }>();
    const visit = async (tree: Uint8Array, prefix: string): Promise<void> => {
      for await (const entry of trees.entries(tree)) {
        const name = `${prefix}${entry.name}`;
        const computed = identities.fileId(owner, byteStringFromText(path(name)));
        found.set(name, { id: toHex(entry.fileId ?? computed), entry });
        if (entry.tree) await visit(new Uint8Array(entry.tree), `${name}/`);
      }
    };
    const { entry } = await lookUpPath(opened, snapshot, byteStringFromText(source));
    await visit(new Uint8Array(entry.tree ?? []), '');
    return found;
  });
  return summary;
}

async function ids(): Promise<Record<string, string>> {
  const found = await saved();
  return Object.fromEntries([...found].map(([name, { id }]) => [name, id]));
}

async function backup(options: { readonly force?: boolean } = {}): Promise<number> {
  const { summary, problems } = await repository.backup(source, options);
  expect(problems).toEqual([]);
  return summary.bytesRead;
}

/** Until nothing that was written may change once more without its stamps showing it. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

async function restoresToSource(): Promise<void> {
  const target = repository.path('target');
  const { problems } = await repository.restore(target);
  expect(problems).toEqual([]);
  expect(treeImage(target + source)).toEqual(treeImage(source));
  rmSync(target, { recursive: true });
}

describe('a file keeps its id', () => {
  it('when it is renamed, for good, and through changes and --force', async () => {
    write('old');
    await backup();
    const before = await ids();
    mkdirSync(path('deep'));
    renameSync(path('old'), path('deep/new'));
    await backup();
    expect((await ids())['deep/new']).toBe(before['old']);
    write('deep/new');
    await backup();
    write('beside');
    await backup({ force: true });
    expect((await ids())['deep/new']).toBe(before['old']);
    await restoresToSource();
  });

  it('with all others of its directory, which are not even read again', async () => {
    mkdirSync(path('a/b'), { recursive: true });
    for (let number = 0; number < 50; number++) write(`a/b/${number}`, 100 + number * 100);
    await settle();
    await backup();
    const before = await ids();
    renameSync(path('a'), path('z'));
    expect(await backup()).toBe(0);
    const after = await ids();
    for (let number = 0; number < 50; number++)
      expect(after[`z/b/${number}`]).toBe(before[`a/b/${number}`]);
    await restoresToSource();
  });

  it('when a program saves it by putting a new file in its place', async () => {
    write('letter');
    await backup();
    const before = await ids();
    write('letter.tmp');
    renameSync(path('letter.tmp'), path('letter'));
    await backup();
    expect(await ids()).toEqual(before);
    expect((await saved()).get('letter')?.entry.fileId).toBeUndefined();
  });

  it('when a log is rotated, and the new log is a file of its own', async () => {
    for (const name of ['log', 'log.1', 'log.2']) write(name);
    await backup();
    const before = await ids();
    renameSync(path('log.2'), path('log.3'));
    renameSync(path('log.1'), path('log.2'));
    renameSync(path('log'), path('log.1'));
    write('log');
    await backup();
    const after = await ids();
    expect(after['log.1']).toBe(before['log']);
    expect(after['log.2']).toBe(before['log.1']);
    expect(after['log.3']).toBe(before['log.2']);
    expect(new Set(Object.values(after)).size).toBe(4);
    // The new one keeps what it was given.
    write('log');
    await backup();
    expect((await ids())['log']).toBe(after['log']);
  });

  it('when two change places', async () => {
    write('a');
    write('b');
    await backup();
    const before = await ids();
    renameSync(path('a'), path('c'));
    renameSync(path('b'), path('a'));
    renameSync(path('c'), path('b'));
    await backup();
    expect(await ids()).toEqual({ a: before['b'], b: before['a'] });
    await restoresToSource();
  });
});

describe('a file does not get the id of another', () => {
  it('that was renamed away from its path, whenever that was', async () => {
    write('old');
    await backup();
    renameSync(path('old'), path('new'));
    await backup();
    const { new: renamed } = await ids();
    write('old');
    await backup();
    const after = await ids();
    expect(after['new']).toBe(renamed);
    expect(after['old']).not.toBe(renamed);
    write('old');
    await backup();
    expect((await ids())['old']).toBe(after['old']);
  });

  it('that is a copy of it, or that is gone and had its inode', async () => {
    write('one');
    const { ino } = statSync(path('one'));
    await backup();
    const before = await ids();
    writeFileSync(path('copy'), readFileSync(path('one')));
    rmSync(path('one'));
    for (let number = 0; number < 20; number++) write(`other-${number}`);
    await backup();
    const after = await ids();
    expect(Object.values(after)).not.toContain(before['one']);
    // Inodes are used again: it is the birth time that tells.
    expect(ino).toBeGreaterThan(0);
  });
});

describe('hard links', () => {
  it('are read once, whatever their number, and share the id of the name that was first', async () => {
    for (const directory of ['a', 'm', 'z']) mkdirSync(path(directory));
    write('m/file', 500_000);
    linkSync(path('m/file'), path('z/file'));
    expect(await backup()).toBe(500_000);
    const before = await ids();
    expect(before['z/file']).toBe(before['m/file']);
    // Now there is one that comes first in the tree.
    linkSync(path('m/file'), path('a/file'));
    expect(await backup()).toBe(500_000);
    const after = await ids();
    expect(after['a/file']).toBe(before['m/file']);
    expect(after['m/file']).toBe(before['m/file']);
    expect(after['z/file']).toBe(before['m/file']);
    await restoresToSource();
  });

  it.each(['0-before', 'z-after'])(
    'stay links when one name moves with its directory (%s) and nothing else shows it',
    async (moved) => {
      mkdirSync(path('k'));
      mkdirSync(path('n'));
      write('k/file');
      linkSync(path('k/file'), path('n/file'));
      await settle();
      await backup();
      renameSync(path('n'), path(moved));
      expect(await backup()).toBe(0);
      const after = await ids();
      expect(after[`${moved}/file`]).toBe(after['k/file']);
      await restoresToSource();
    },
  );

  it('part when one name is replaced', async () => {
    write('a');
    linkSync(path('a'), path('b'));
    await backup();
    const before = await ids();
    write('a.tmp');
    renameSync(path('a.tmp'), path('a'));
    await backup();
    const after = await ids();
    expect(after['b']).toBe(before['a']);
    expect(after['a']).not.toBe(before['a']);
    await restoresToSource();
  });
});
