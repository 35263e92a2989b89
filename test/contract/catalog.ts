import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LineageId, ObjectHash } from '../../src/core/base/index.ts';
import type { Catalog, EntryRow, Tip } from '../../src/core/catalog/index.ts';
import { collect } from './collect.ts';
import { describeLeases } from './leases.ts';
import { describeLedger } from './ledger.ts';

/** Where a suite keeps one catalog. */
export interface CatalogWorld {
  /** A handle on it, made if it is missing. Several may be open at once. */
  open(): Promise<Catalog>;
  /** Whether what was written is there after all handles were closed. */
  readonly isKept: boolean;
  remove(): Promise<void>;
}

export const lineageA: LineageId = 'a'.repeat(32) as LineageId;
export const lineageB: LineageId = 'b'.repeat(32) as LineageId;

export function makeRow(number: number, text = 'entry', lineage: LineageId = lineageA): EntryRow {
  const bytes = Buffer.from(`${text} ${number}`);
  const hash = createHash('sha256').update(bytes).digest('hex') as ObjectHash;
  return { number, lineage, hash, bytes };
}

export const tipOf = ({ number, lineage, hash }: EntryRow): Tip => ({ number, lineage, hash });

const numbersOf = async (catalog: Catalog, after = 0): Promise<number[]> =>
  (await collect(catalog.read(after))).map(({ number }) => number);

/** Appends `count` rows behind the tip. */
export async function fill(catalog: Catalog, count: number): Promise<void> {
  let tip = await catalog.tip();
  for (let index = 0; index < count; index += 1) {
    const row = makeRow((tip?.number ?? 0) + 1);
    await catalog.append(row, tip);
    tip = tipOf(row);
  }
}

const conflict = { kind: 'Conflict', code: 'CATALOG_CONFLICT' };

/** What every catalog keeps to. */
export function catalogContract(name: string, makeWorld: () => Promise<CatalogWorld>): void {
  describe(`catalog contract: ${name}`, () => {
    let world: CatalogWorld;
    let catalog: Catalog;
    beforeEach(async () => {
      world = await makeWorld();
      catalog = await world.open();
    });
    afterEach(async () => {
      await catalog[Symbol.asyncDispose]();
      await world.remove();
    });

    describeRows(
      () => catalog,
      () => world,
    );
    describeLedger(() => catalog);
    describeLeases(
      () => catalog,
      () => world,
    );

    it('keeps named values', async () => {
      expect(await catalog.getMeta('repository')).toBeUndefined();
      await catalog.setMeta('repository', 'one');
      await catalog.setMeta('bytes', Uint8Array.of(0, 1, 255));
      await catalog.setMeta('repository', 'two');
      expect(await catalog.getMeta('repository')).toBe('two');
      expect(await catalog.getMeta('bytes')).toEqual(Uint8Array.of(0, 1, 255));
    });

    it('is the same for a second handle, and after it was closed', async () => {
      await fill(catalog, 2);
      await catalog.setMeta('k', 'v');
      const second = await world.open();
      expect(await second.tip()).toEqual(tipOf(makeRow(2)));
      await second[Symbol.asyncDispose]();
      await catalog[Symbol.asyncDispose]();
      catalog = await world.open();
      expect(await catalog.tip()).toEqual(world.isKept ? tipOf(makeRow(2)) : undefined);
      expect(await catalog.getMeta('k')).toBe(world.isKept ? 'v' : undefined);
    });
  });
}

function describeRows(catalogOf: () => Catalog, worldOf: () => CatalogWorld): void {
  describe('rows', () => {
    let catalog: Catalog;
    beforeEach(() => {
      catalog = catalogOf();
    });

    it('begin with none', async () => {
      expect(await catalog.tip()).toBeUndefined();
      expect(await collect(catalog.read(0))).toEqual([]);
    });

    it('come back as they were, in their order', async () => {
      const payload = Buffer.alloc(200_000, 'p');
      const first = makeRow(1);
      const second = { ...makeRow(2), payload };
      const third = makeRow(3, 'other', lineageB);
      await catalog.append(first, undefined);
      await catalog.append(second, tipOf(first));
      await catalog.append(third, tipOf(second));
      expect(await catalog.tip()).toEqual(tipOf(third));
      const found = await collect(catalog.read(0));
      expect(found.map(tipOf)).toEqual([first, second, third].map(tipOf));
      expect(found.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([
        'entry 1',
        'entry 2',
        'other 3',
      ]);
      expect(found.map((row) => row.payload?.length)).toEqual([undefined, 200_000, undefined]);
      expect(payload.equals(found[1]?.payload ?? Buffer.alloc(0))).toBe(true);
      expect(await numbersOf(catalog, 2)).toEqual([3]);
      expect(await numbersOf(catalog, 3)).toEqual([]);
      expect(await numbersOf(catalog, 99)).toEqual([]);
    });

    it('take copies of their bytes', async () => {
      const row = makeRow(1);
      await catalog.append(row, undefined);
      const [first] = await collect(catalog.read(0));
      Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.length).fill(0);
      first?.bytes.fill(0);
      const [again] = await collect(catalog.read(0));
      expect(Buffer.from(again?.bytes ?? []).toString()).toBe('entry 1');
    });

    it('are read while others are added', async () => {
      await fill(catalog, 300);
      const seen: number[] = [];
      for await (const { number } of catalog.read(0)) {
        seen.push(number);
        if (number % 100 === 0 && number <= 300) await fill(catalog, 1);
      }
      expect(seen.slice(0, 300)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
      expect(await numbersOf(catalog)).toHaveLength(303);
    });

    it.each([
      ['number 2 first', makeRow(2), undefined],
      ['number 2 first, behind a tip that is not there', makeRow(2), tipOf(makeRow(1))],
      ['behind a tip that is not there', makeRow(1), tipOf(makeRow(1))],
    ])('into an empty catalog: %s', async (_what, row, expected) => {
      await expect(catalog.append(row, expected)).rejects.toMatchObject(conflict);
      expect(await catalog.tip()).toBeUndefined();
    });

    it('begin behind a tip of number 0', async () => {
      const hash = '0'.repeat(64) as ObjectHash;
      await catalog.append(makeRow(1), { number: 0, lineage: lineageA, hash });
      expect(await numbersOf(catalog)).toEqual([1]);
    });

    it.each([
      ['a gap', makeRow(5), tipOf(makeRow(3))],
      ['a gap, from a tip that is not there', makeRow(5), tipOf(makeRow(4))],
      ['a number that is taken', makeRow(3, 'other'), tipOf(makeRow(2))],
      ['an early number that is taken', makeRow(1, 'other'), undefined],
      [
        'a taken number with the same bytes in another lineage',
        makeRow(3, 'entry', lineageB),
        tipOf(makeRow(2)),
      ],
      ['no tip', makeRow(4), undefined],
      ['an old tip', makeRow(4), tipOf(makeRow(2))],
      ['a wrong hash', makeRow(4), { ...tipOf(makeRow(3)), hash: makeRow(9).hash }],
      ['a wrong lineage', makeRow(4), { ...tipOf(makeRow(3)), lineage: lineageB }],
    ])('are refused: %s', async (_what, row, expected) => {
      await fill(catalog, 3);
      await expect(catalog.append(row, expected)).rejects.toMatchObject(conflict);
      expect(await numbersOf(catalog)).toEqual([1, 2, 3]);
      expect(await catalog.tip()).toEqual(tipOf(makeRow(3)));
    });

    it.each([
      ['number 0', { ...makeRow(1), number: 0 }],
      ['half a number', { ...makeRow(1), number: 0.5 }],
      ['no lineage', { ...makeRow(1), lineage: '' as LineageId }],
      ['a hash in capitals', { ...makeRow(1), hash: 'A'.repeat(64) as ObjectHash }],
      ['no bytes', { ...makeRow(1), bytes: new Uint8Array() }],
    ])('are a fault of the program: %s', async (_what, row) => {
      await expect(catalog.append(row, undefined)).rejects.toMatchObject({ kind: 'Internal' });
      expect(await catalog.tip()).toBeUndefined();
    });

    it('may be appended several at once, where that is possible: all of them, or none', async () => {
      const appendAll = catalog.appendAll?.bind(catalog);
      if (appendAll === undefined) return;
      await appendAll([makeRow(1), makeRow(2)], undefined);
      const [third, fourth] = [makeRow(3), makeRow(4)];
      await expect(appendAll([third, makeRow(5)], tipOf(makeRow(2)))).rejects.toMatchObject(
        conflict,
      );
      await expect(appendAll([third, fourth], tipOf(makeRow(1)))).rejects.toMatchObject(conflict);
      expect(await numbersOf(catalog)).toEqual([1, 2]);
      // The answer was lost.
      await appendAll([third, fourth], tipOf(makeRow(2)));
      await appendAll([third, fourth], tipOf(makeRow(2)));
      expect(await numbersOf(catalog)).toEqual([1, 2, 3, 4]);
      expect(await catalog.tip()).toEqual(tipOf(fourth));
    });

    it('may be appended again when the answer was lost, even later on', async () => {
      await catalog.append(makeRow(1), undefined);
      await catalog.append(makeRow(1), undefined);
      await catalog.append(makeRow(2), tipOf(makeRow(1)));
      await catalog.append(makeRow(2), tipOf(makeRow(1)));
      await catalog.append(makeRow(1), undefined);
      expect(await numbersOf(catalog)).toEqual([1, 2]);
    });

    it('race: of sixteen writers with one view exactly one wins', async () => {
      await fill(catalog, 1);
      const world = worldOf();
      const handles = await Promise.all(Array.from({ length: 16 }, () => world.open()));
      for (let round = 2; round < 8; round += 1) {
        const tip = await catalog.tip();
        const tries = handles.map((handle, index) =>
          handle.append(makeRow(round, `writer ${index}`), tip),
        );
        const results = await Promise.allSettled(tries);
        const winners = results.flatMap(({ status }, index) =>
          status === 'fulfilled' ? [index] : [],
        );
        expect(winners).toHaveLength(1);
        const reasons = results.flatMap((r) => (r.status === 'rejected' ? [r.reason] : []));
        expect(reasons).toEqual(
          Array.from({ length: 15 }, () => expect.objectContaining(conflict)),
        );
        expect(await catalog.tip()).toEqual(tipOf(makeRow(round, `writer ${winners[0]}`)));
      }
      expect(await numbersOf(catalog)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      for (const handle of handles) if (handle !== catalog) await handle[Symbol.asyncDispose]();
    });

    it('stay when payloads are cleared', async () => {
      let tip: Tip | undefined;
      for (let number = 1; number <= 4; number += 1) {
        const row = { ...makeRow(number), payload: Buffer.from(`payload ${number}`) };
        await catalog.append(row, tip);
        tip = tipOf(row);
      }
      await catalog.clearPayloads(2);
      await catalog.clearPayloads(2);
      const found = await collect(catalog.read(0));
      expect(found.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
      expect(found.map(({ payload }) => payload && Buffer.from(payload).toString())).toEqual([
        undefined,
        undefined,
        'payload 3',
        'payload 4',
      ]);
      await catalog.clearPayloads(99);
      expect(await numbersOf(catalog)).toEqual([1, 2, 3, 4]);
      // A number is never given twice, whatever was cleared.
      await expect(catalog.append(makeRow(4, 'other'), tip)).rejects.toMatchObject(conflict);
      // The very same row is still recognised as there.
      await catalog.append(makeRow(1), undefined);
    });
  });
}
