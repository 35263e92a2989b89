import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { toHex, type ByteString, type LineageId, type ObjectHash } from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import { fingerprintBytes } from './fingerprint.ts';
import type { ItemState } from './item-pages.ts';
import { LocalState, tipText } from './local-state.ts';
import { StateChanges } from './state-changes.ts';

const random = new SeededRandom('state');
const source = random.bytes(16);
const other = random.bytes(16);
const tipOf = (number: number): Tip => ({
  lineage: 'ab'.repeat(16) as LineageId,
  number,
  hash: 'cd'.repeat(32) as ObjectHash,
});

let directory: TemporaryDirectory;
let path: string;
beforeEach(() => {
  directory = new TemporaryDirectory();
  path = directory.text('cache/state.db');
});
afterEach(() => directory.remove());

const noBytes = new Uint8Array(0);

/** A name that sorts as its number does. */
const nameOf = (number: number): ByteString => bytes(`${String(number).padStart(7, '0')}\xff`);

function itemOf(number: number): ItemState {
  return {
    name: nameOf(number),
    fingerprint: Buffer.alloc(fingerprintBytes, number % 256),
    entry: Buffer.alloc(number % 700, number % 251),
  };
}

const plain = ({ name, fingerprint, entry }: ItemState): string =>
  `${name} ${toHex(fingerprint)} ${toHex(entry)}`;

function itemsIn(state: LocalState, of: Uint8Array, at: ByteString): string[] {
  return [...state.items(of, at)].map((item) => plain(item));
}

/** Makes changes as a backup does: noted aside, applied with the commit. */
function change(number: number, make: (changes: StateChanges) => void): void {
  const changes = new StateChanges(directory.text(`changes-${number}`));
  make(changes);
  using state = LocalState.open(path);
  state.begin();
  changes.apply(state, source);
  state.commit(tipOf(number));
  changes.remove();
}

function putItems(changes: StateChanges, at: ByteString, count: number): void {
  const writer = changes.itemWriter(at);
  for (let number = 0; number < count; number++) {
    const { name, fingerprint, entry } = itemOf(number);
    writer.add(name, fingerprint, entry);
  }
  writer.finish();
}

const hash = random.bytes(32);
const tree = random.bytes(32);
const expected = (count: number): string[] =>
  Array.from({ length: count }, (_, number) => plain(itemOf(number)));

/** Threads that open the state at one moment and each put a directory; resolves to what failed. */
function openAtOnce(file: string, count: number): Promise<readonly string[]> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const script = `
    const { workerData: { module, gate, count, at, file, source } } = require('node:worker_threads');
    import(module).then(({ LocalState }) => {
      Atomics.add(gate, 0, 1);
      while (Atomics.load(gate, 0) < count);
      const state = LocalState.open(file);
      state.begin();
      const bytes = new Uint8Array(32).fill(at);
      state.putDirectory(source, '/' + at, { hash: bytes, tree: bytes });
      state.save();
      state[Symbol.dispose]();
    });`;
  const module = new URL('local-state.ts', import.meta.url).href;
  const threads = Array.from({ length: count }, (_, at) => {
    const workerData = { module, gate, count, at, file, source };
    const { promise, resolve } = Promise.withResolvers<string>();
    const thread = new Worker(script, { eval: true, workerData });
    thread.on('error', (error) => resolve(error.message));
    thread.on('exit', () => resolve(''));
    return promise;
  });
  return Promise.all(threads);
}

describe('LocalState', () => {
  it('is empty and private when it is new', () => {
    using state = LocalState.open(path);
    expect(state.savedAfter()).toBeUndefined();
    expect(state.directory(source, bytes('/'))).toBeUndefined();
    expect(itemsIn(state, source, bytes('/'))).toEqual([]);
    expect(statSync(directory.text('cache')).mode & 0o077).toBe(0);
  });

  it('keeps directories and their items, few and many, under the entry they belong to', () => {
    const wide = bytes('/wide\xfe');
    change(5, (changes) => {
      changes.putDirectory(bytes('/'), { hash, tree });
      putItems(changes, bytes('/'), 3);
      changes.putDirectory(wide, { hash: tree, tree: hash });
      putItems(changes, wide, 5000);
    });
    using state = LocalState.open(path);
    expect(state.savedAfter()).toBe(tipText(tipOf(5)));
    const known = state.directory(source, wide);
    expect([toHex(known?.hash ?? hash), toHex(known?.tree ?? tree)]).toEqual([
      toHex(tree),
      toHex(hash),
    ]);
    expect(itemsIn(state, source, bytes('/'))).toEqual(expected(3));
    expect(itemsIn(state, source, wide)).toEqual(expected(5000));
    expect(state.directory(other, wide)).toBeUndefined();
    expect(itemsIn(state, other, wide)).toEqual([]);
  });

  it('leaves nothing of what a directory held before', () => {
    change(1, (changes) => putItems(changes, bytes('/d'), 5000));
    change(2, (changes) => putItems(changes, bytes('/d'), 10));
    {
      using state = LocalState.open(path);
      expect(itemsIn(state, source, bytes('/d'))).toEqual(expected(10));
    }
    change(3, (changes) => putItems(changes, bytes('/d'), 0));
    using again = LocalState.open(path);
    expect(itemsIn(again, source, bytes('/d'))).toEqual([]);
  });

  it('reads several directories at once, one inside the other', () => {
    change(1, (changes) => {
      putItems(changes, bytes('/a'), 3000);
      putItems(changes, bytes('/b'), 2000);
    });
    using state = LocalState.open(path);
    const [a, b] = [state.items(source, bytes('/a')), state.items(source, bytes('/b'))];
    for (let number = 0; number < 2000; number++) {
      const [fromA, fromB] = [a.next(), b.next()];
      if (fromA.done === true || fromB.done === true) throw new Error('It ended too early');
      if (plain(fromA.value) !== plain(fromB.value)) throw new Error('They got mixed up');
    }
    expect(b.next().done).toBe(true);
    expect(a.next().done).toBe(false);
  });

  it('shows nothing of changes that were not committed', () => {
    change(1, (changes) => putItems(changes, bytes('/d'), 3));
    const changes = new StateChanges(directory.text('changes'));
    putItems(changes, bytes('/d'), 9);
    changes.putDirectory(bytes('/d'), { hash, tree });
    {
      using state = LocalState.open(path);
      state.begin();
      changes.apply(state, source);
      state.rollback();
      // A second time does no harm.
      state.rollback();
    }
    using state = LocalState.open(path);
    expect(state.savedAfter()).toBe(tipText(tipOf(1)));
    expect(itemsIn(state, source, bytes('/d'))).toEqual(expected(3));
    expect(state.directory(source, bytes('/d'))).toBeUndefined();
  });

  it('is made by many at once without taking the file away from one another', async () => {
    for (let round = 0; round < 5; round++) {
      const file = directory.text(`cache/round-${round}.db`);
      expect(await openAtOnce(file, 4)).toEqual(['', '', '', '']);
      using state = LocalState.open(file);
      const found = [0, 1, 2, 3].map((at) => state.directory(source, bytes(`/${at}`))?.hash);
      expect(found.map((known) => toHex(known ?? hash))).toEqual(
        [0, 1, 2, 3].map((at) => toHex(new Uint8Array(32).fill(at))),
      );
    }
  });

  it('forgets everything when it is cleared', () => {
    change(1, (changes) => {
      changes.putDirectory(bytes('/d'), { hash, tree });
      putItems(changes, bytes('/d'), 3);
    });
    {
      using state = LocalState.open(path);
      state.clear();
    }
    using state = LocalState.open(path);
    expect(state.savedAfter()).toBeUndefined();
    expect(state.directory(source, bytes('/d'))).toBeUndefined();
    expect(itemsIn(state, source, bytes('/d'))).toEqual([]);
  });

  it.each<readonly [string, () => void]>([
    ['noise', () => writeFileSync(path, random.bytes(10_000))],
    [
      'a damaged head',
      () => {
        const file = readFileSync(path);
        file.fill(0xff, 0, 100);
        writeFileSync(path, file);
      },
    ],
    [
      'of another version',
      () => {
        const database = new DatabaseSync(path);
        database.exec('PRAGMA user_version = 99');
        database.close();
      },
    ],
    [
      'some other database',
      () => {
        writeFileSync(path, '');
        const database = new DatabaseSync(path);
        database.exec("CREATE TABLE directories (text TEXT); INSERT INTO directories VALUES ('x')");
        database.close();
      },
    ],
  ])('starts anew if its file is %s', (_, damage) => {
    change(1, (changes) => putItems(changes, bytes('/d'), 3));
    for (const suffix of ['-wal', '-shm']) expect(existsSync(path + suffix)).toBe(false);
    damage();
    {
      using state = LocalState.open(path);
      expect(state.savedAfter()).toBeUndefined();
      expect(itemsIn(state, source, bytes('/d'))).toEqual([]);
    }
    change(2, (changes) => putItems(changes, bytes('/d'), 2));
    using state = LocalState.open(path);
    expect(itemsIn(state, source, bytes('/d'))).toEqual(expected(2));
  });
});

describe('directories', () => {
  it('are found in any order, whatever their names, and none that is not there', () => {
    const paths = Array.from({ length: 700 }, (_, number) =>
      bytes(`/${number % 7}${number % 3 === 0 ? '-x' : ''}/${number % 29}/${number}`),
    );
    const treeOf = (at: ByteString): Uint8Array =>
      Buffer.alloc(32, at.length * 7 + (at.charCodeAt(at.length - 1) % 50));
    change(1, (changes) => {
      for (const at of paths) changes.putDirectory(at, { hash, tree: treeOf(at) });
    });
    using state = LocalState.open(path);
    const asked = [...paths, ...paths.toSorted(), ...paths.toSorted().toReversed()];
    for (const at of asked) {
      expect(toHex(state.directory(source, at)?.tree ?? noBytes)).toBe(toHex(treeOf(at)));
      expect(state.directory(source, bytes(`${at}!`))).toBeUndefined();
      expect(state.directory(other, at)).toBeUndefined();
    }
    state.begin();
    const [first = bytes('/')] = paths;
    state.putDirectory(source, first, { hash, tree });
    expect(toHex(state.directory(source, first)?.tree ?? noBytes)).toBe(toHex(tree));
    state.rollback();
    expect(toHex(state.directory(source, first)?.tree ?? noBytes)).toBe(toHex(treeOf(first)));
  });
});

describe('the file', () => {
  it('is for its owner alone, with all that SQLite keeps beside it', () => {
    mkdirSync(directory.text('cache'));
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    using state = LocalState.open(path);
    state.begin();
    state.putDirectory(source, bytes('/d'), { hash, tree });
    state.commit(tipOf(1));
    for (const suffix of ['', '-wal', '-shm'])
      expect(statSync(path + suffix).mode & 0o777).toBe(0o600);
  });
});

describe('damage that shows only while it is read', () => {
  const at = bytes('/d');
  const written = (): Buffer => {
    change(1, (changes) => {
      changes.putDirectory(at, { hash, tree });
      putItems(changes, at, 3000);
    });
    return readFileSync(path);
  };
  const damaged = expect.objectContaining({ kind: 'Corrupt', code: 'LOCAL_STATE_DAMAGED' });

  it('of an item is noticed, and the next run starts anew', () => {
    const file = written();
    const found = file.indexOf(nameOf(2000), 0, 'latin1');
    expect(found).toBeGreaterThan(0);
    // In the entry behind name and fingerprint: nothing but a checksum can tell.
    file[found + 8 + fingerprintBytes + 50] = (file[found + 8 + fingerprintBytes + 50] ?? 0) ^ 1;
    writeFileSync(path, file);
    {
      using state = LocalState.open(path);
      expect(state.savedAfter()).toBe(tipText(tipOf(1)));
      expect(() => itemsIn(state, source, at)).toThrow(damaged);
    }
    using state = LocalState.open(path);
    expect(state.savedAfter()).toBeUndefined();
  });

  it('of what is known of a directory is noticed too', () => {
    const file = written();
    const found = file.indexOf(tree);
    expect(found).toBeGreaterThan(0);
    file[found + 7] = (file[found + 7] ?? 0) ^ 1;
    writeFileSync(path, file);
    using state = LocalState.open(path);
    expect(() => state.directory(source, at)).toThrow(damaged);
  });

  it('of the database itself is noticed, and the next run starts anew', () => {
    const file = written();
    const database = new DatabaseSync(path);
    const row = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'items'").get();
    database.close();
    // The table of the items alone, so that it opens.
    const page = (Number(row?.['rootpage']) - 1) * 4096;
    file.fill(0xff, page, page + 8);
    writeFileSync(path, file);
    {
      using state = LocalState.open(path);
      expect(() => {
        state.directory(source, at);
        itemsIn(state, source, at);
      }).toThrow(damaged);
    }
    using state = LocalState.open(path);
    expect(state.directory(source, at)).toBeUndefined();
    expect(itemsIn(state, source, at)).toEqual([]);
  });
});

describe('resumed files', () => {
  const item = { ...itemOf(300), path: bytes('/d/file') };

  it('are known by path and looks, until their snapshot is complete', () => {
    {
      using state = LocalState.open(path);
      state.begin();
      state.putResumed(source, item);
      state.putResumed(other, item);
      state.save();
      expect(state.savedAfter()).toBeUndefined();
    }
    using state = LocalState.open(path);
    const found = state.resumed(source, item.path, item.fingerprint);
    expect(toHex(found ?? new Uint8Array(0))).toBe(toHex(item.entry));
    expect(state.resumed(source, bytes('/d/other'), item.fingerprint)).toBeUndefined();
    expect(state.resumed(source, item.path, itemOf(301).fingerprint)).toBeUndefined();
    state.begin();
    state.clearResumed(source);
    state.commit(tipOf(1));
    expect(state.resumed(source, item.path, item.fingerprint)).toBeUndefined();
    expect(state.resumed(other, item.path, item.fingerprint)).toBeDefined();
  });
});
