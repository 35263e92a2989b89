import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestMirror,
  testRepository,
  type TestMirror,
} from '../../../test/support/test-mirrors.ts';
import { MemoryCatalog, type Ledger, type LedgerCopy } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { takeCensus, type Census } from './census.ts';
import { judgeFor } from './judge.ts';
import { verifyCopies, type VerifiedCopies, type VerifyCopiesOptions } from './verify-copies.ts';

const hour = 3_600_000;
const maxAgeMs = 30 * 24 * hour;
const contents = Array.from({ length: 6 }, (_, number) => seededBytes(number, 1000 + number));
const keys = contents.map((content) => {
  const hash = objectHashOf(content);
  return `packs/${hash.slice(0, 2)}/${hash}`;
});
const [first = '', second = '', third = ''] = keys;

let clock: FakeClock;
let ledger: Ledger;
let mirror: TestMirror;
let other: TestMirror;
beforeEach(async () => {
  clock = new FakeClock();
  ({ ledger } = new MemoryCatalog());
  mirror = await createTestMirror(1);
  other = await createTestMirror(2);
  for (const [index, key] of keys.entries())
    await mirror.memory.put(key, [contents[index] ?? Buffer.alloc(0)]);
});

const work = keys.map((object, index) => ({ object, bytes: 1000 + index }));
const verify = (more: Partial<VerifyCopiesOptions> = {}, copies = work): Promise<VerifiedCopies> =>
  verifyCopies(mirror, copies, {
    ledger,
    judge: judgeFor({ repository: testRepository }),
    clock,
    monitor: new CollectingMonitor(),
    maxAgeMs,
    hasTime: () => true,
    ...more,
  });
const rowOf = async (object: string, of = mirror): Promise<LedgerCopy | undefined> =>
  (await ledger.copiesOf(object)).find((copy) => copy.mirror === of.id);
const replace = async (key: string, content: Uint8Array): Promise<void> => {
  await mirror.memory.delete(key);
  await mirror.memory.put(key, [content]);
};

describe('verifyCopies', () => {
  it('reads every byte once, writes nothing, and notes when to read again', async () => {
    const result = await verify();
    const bytes = contents.reduce((sum, content) => sum + content.byteLength, 0);
    const counts = { archived: 0, locked: 0 };
    expect(result).toEqual({ good: 6, bytesRead: bytes, ...counts, bad: [], left: [] });
    expect(mirror.store.count('put') + mirror.store.count('delete')).toBe(0);
    const row = await rowOf(first);
    expect(row).toMatchObject({ state: 'stored', lastVerified: clock.now() });
    expect(row?.nextDue).toBeGreaterThan(clock.now() + 0.8 * maxAgeMs - 1);
    expect(row?.nextDue).toBeLessThan(clock.now() + 0.95 * maxAgeMs);
  });

  it('locks anew what is good and not condemned, and no lock that fails makes a copy bad', async () => {
    const asked: string[] = [];
    const locking = {
      locks: (key: string) => key !== third,
      extendLock: async (key: string) => {
        asked.push(key);
        if (key === second) throw new VersionsError('Denied', 'STORE_DENIED', 'Not allowed');
      },
    };
    await replace(keys[3] ?? '', seededBytes('other', 1000));
    await ledger.setLife([first], 'condemned');
    const monitor = new CollectingMonitor();
    const result = await verify({ locking, monitor });
    expect(result).toMatchObject({ good: 5, locked: 2 });
    expect(asked.toSorted()).toEqual([second, keys[4] ?? '', keys[5] ?? ''].toSorted());
    expect(monitor.problems.map(({ code }) => code)).toEqual(['STORE_DENIED']);
    expect(await rowOf(second)).toMatchObject({ state: 'stored' });
  });

  it('tells damaged, missing and unreadable copies apart, and goes on', async () => {
    await replace(first, seededBytes('other', 1000));
    await mirror.memory.delete(second);
    mirror.faulty
      .on('get', third)
      .fails(new VersionsError('Unavailable', 'GONE', 'It is gone'))
      .always();
    const result = await verify();
    expect(result.good).toBe(3);
    expect(result.bad.map(({ object, kind }) => `${object} ${kind}`).toSorted()).toEqual(
      [`${first} corrupt`, `${second} missing`, `${third} unreadable`].toSorted(),
    );
    expect((await rowOf(first))?.state).toBe('damaged');
    expect((await rowOf(second))?.state).toBe('absent');
    expect((await rowOf(third))?.state).toBe('suspect');
  });

  it('passes over what lies in an archive, asks once, and says nothing of it', async () => {
    const due = clock.now() - hour;
    await ledger.record([
      {
        object: first,
        bytes: 1000,
        life: 'live',
        mirror: mirror.id,
        state: 'stored',
        nextDue: due,
      },
    ]);
    const archived = new VersionsError('Unavailable', 'OBJECT_ARCHIVED', 'It is in an archive');
    mirror.faulty.on('get', first).fails(archived).always();
    const result = await verify();
    expect(result).toMatchObject({ good: 5, archived: 1, bad: [], left: [] });
    const row = await rowOf(first);
    expect(row?.state).toBe('stored');
    expect(row?.lastVerified).toBeUndefined();
    expect(row?.nextDue).toBeGreaterThan(clock.now() + 0.8 * maxAgeMs - 1);
    expect(mirror.store.calls.filter(({ key }) => key === first)).toHaveLength(1);
  });

  it('puts off what fails again and again for longer and longer', async () => {
    await replace(first, seededBytes('other', 1000));
    const waits: number[] = [];
    for (let look = 0; look < 4; look++) {
      await verify({}, work.slice(0, 1));
      const due = (await rowOf(first))?.nextDue ?? 0;
      waits.push((due - clock.now()) / hour);
      await clock.advance(due - clock.now());
    }
    expect(waits).toEqual([1, 2, 4, 8]);
  });

  it('gives back what there was no time for', async () => {
    let looks = 0;
    const result = await verify({ hasTime: () => looks++ < 3 });
    expect(result.good).toBe(3);
    expect(result.left.map(({ object }) => object)).toEqual(keys.slice(3));
    expect(await rowOf(keys.at(-1) ?? '')).toBeUndefined();
  });

  it('gives back what was cut off when the time was over, unless nothing was done at all', async () => {
    const over = new AbortController();
    const cutting: VerifyCopiesOptions['ledger'] = {
      copiesOf: (object) => ledger.copiesOf(object),
      lifeOf: (object) => ledger.lifeOf(object),
      setDue: (copies) => ledger.setDue(copies),
      setState: (object, ...rest) => {
        if (object === third) over.abort(new Error('over'));
        over.signal.throwIfAborted();
        return ledger.setState(object, ...rest);
      },
    };
    const result = await verify({ signal: over.signal, ledger: cutting });
    expect(result.good).toBeGreaterThan(0);
    const left = result.left.map(({ object }) => object);
    expect(left).toContain(third);
    expect(left.length + result.good).toBe(keys.length);
    await expect(verify({ signal: over.signal })).rejects.toThrow('over');
  });

  it('leaves alone what was swept meanwhile', async () => {
    await mirror.memory.delete(first);
    await ledger.setLife([first], 'swept');
    expect(await verify()).toMatchObject({ good: 5, bad: [] });
    expect(await ledger.copiesOf(first)).toEqual([]);
  });
});

describe('takeCensus', () => {
  const census = (
    more: { readonly objectsMax?: number; readonly now?: number } = {},
  ): Promise<Census> =>
    takeCensus(mirror, {
      ledger,
      mirrors: [mirror.id, other.id],
      now: clock.now(),
      objectsMax: 1000,
      maxAgeMs,
      ...more,
    });

  it('tells the ledger what it does not know, once', async () => {
    // Six packs and the marker, in both mirrors.
    expect(await census()).toEqual({ objects: 7, added: 14 });
    expect(await rowOf(first)).toMatchObject({
      state: 'stored',
      bytes: 1000,
      nextDue: clock.now(),
    });
    expect(await rowOf(first, other)).toMatchObject({
      state: 'suspect',
      nextDue: clock.now() + 6 * hour,
    });
    expect(await census()).toEqual({ objects: 7, added: 0 });
  });

  it('makes a copy due that somebody hid behind a far date', async () => {
    await census();
    await ledger.setDue([
      { object: first, mirror: mirror.id, nextDue: clock.now() + 99 * maxAgeMs },
    ]);
    await census();
    expect((await ledger.due(mirror.id, clock.now(), 100)).map(({ object }) => object)).toContain(
      first,
    );
  });

  it('does not bring back what was swept, and passes over what is not ours', async () => {
    await ledger.setLife([first], 'swept');
    await mirror.memory.put('packs/readme.txt', [Buffer.from('x')]);
    await mirror.memory.put(`packs/00/${'f'.repeat(64)}`, [Buffer.from('x')]);
    expect(await census()).toEqual({ objects: 7, added: 12 });
    expect(await ledger.copiesOf(first)).toEqual([]);
  });

  it('reaches every pack in the end, however few it looks at each time', async () => {
    for (let run = 0; run < 256; run++)
      await census({ objectsMax: 1, now: clock.now() + run * 6 * hour });
    for (const key of keys) expect(await rowOf(key)).toBeDefined();
  });
});
