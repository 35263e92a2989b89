import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import type { Journal } from '../../src/core/journal/index.ts';

/** Where a suite keeps one journal, to be opened again and again. */
export interface JournalWorld {
  open(options?: { readonly readOnly?: boolean }): Promise<Journal>;
  remove(): Promise<void>;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytes = (value: string): Uint8Array => Buffer.from(value, 'latin1');

export async function readAll(records: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const record of records) found.push(text(record));
  return found;
}

/** What every journal keeps to. */
export function journalContract(name: string, makeWorld: () => Promise<JournalWorld>): void {
  describe(`journal contract: ${name}`, () => {
    let world: JournalWorld;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(async () => {
      await world.remove();
    });

    it('begins empty', async () => {
      await using journal = await world.open();
      expect(await readAll(journal.records())).toEqual([]);
      expect(journal).toMatchObject({ recordCount: 0, bytes: 0, bytesCut: 0 });
    });

    it('gives records back in their order, before and after a sync and after reopening', async () => {
      const wanted = ['a', '', 'b'.repeat(3000), 'a'];
      {
        await using journal = await world.open();
        for (const record of wanted) journal.append(bytes(record));
        expect(await readAll(journal.records())).toEqual(wanted);
        await journal.sync();
        expect(await readAll(journal.records())).toEqual(wanted);
        expect(journal.recordCount).toBe(4);
        expect(journal.bytes).toBe(3002 + 4 * 12);
      }
      await using journal = await world.open();
      expect(await readAll(journal.records())).toEqual(wanted);
      expect(journal).toMatchObject({ recordCount: 4, bytes: 3002 + 4 * 12, bytesCut: 0 });
    });

    it('keeps records of all sizes around that of its buffer', async () => {
      const mebibyte = 1024 * 1024;
      const sizes = [-13, -12, -11, 0, 1].flatMap((delta) => [mebibyte + delta, 7]);
      sizes.push(5 * mebibyte, 3);
      {
        await using journal = await world.open();
        for (const size of sizes) journal.append(Buffer.alloc(size, size % 251));
        expect((await readAll(journal.records())).map((record) => record.length)).toEqual(sizes);
      }
      await using journal = await world.open();
      const found = await readAll(journal.records());
      expect(found.map((record) => record.length)).toEqual(sizes);
      expect(found.every((r) => r === String.fromCharCode(r.length % 251).repeat(r.length))).toBe(
        true,
      );
    });

    it('takes copies: later changes to a record are not seen, in either direction', async () => {
      await using journal = await world.open();
      const record = Buffer.from('first');
      journal.append(record);
      record.fill(0);
      for await (const found of journal.records()) found.fill(1);
      expect(await readAll(journal.records())).toEqual(['first']);
    });

    it('refuses a record over 64 MiB', async () => {
      await using journal = await world.open();
      const record = Buffer.alloc(64 * 1024 * 1024 + 1);
      expect(() => journal.append(record)).toThrow(expect.objectContaining({ kind: 'Internal' }));
      expect(journal.recordCount).toBe(0);
    });

    it('serves many syncs at once', async () => {
      await using journal = await world.open();
      const syncs = Array.from({ length: 50 }, async (_, index) => {
        journal.append(bytes(String(index)));
        await journal.sync();
      });
      await Promise.all(syncs);
      expect(journal.recordCount).toBe(50);
    });

    it('hands all records to a flush and is then empty', async () => {
      {
        await using journal = await world.open();
        journal.append(bytes('a'));
        journal.append(bytes('b'));
        let applied: string[] = [];
        await journal.flush(async (records) => {
          applied = await readAll(records);
        });
        expect(applied).toEqual(['a', 'b']);
        expect(journal).toMatchObject({ recordCount: 0, bytes: 0 });
        journal.append(bytes('c'));
      }
      await using journal = await world.open();
      expect(await readAll(journal.records())).toEqual(['c']);
      expect(journal.bytesCut).toBe(0);
    });

    it('does not flush when there is nothing', async () => {
      await using journal = await world.open();
      let calls = 0;
      await journal.flush(async (records) => {
        calls += (await readAll(records)).length + 1;
      });
      expect(calls).toBe(0);
    });

    it('keeps everything when a flush fails, and hands it over again', async () => {
      await using journal = await world.open();
      journal.append(bytes('a'));
      const failing = journal.flush(async (records) => {
        await readAll(records);
        throw new Error('no answer');
      });
      await expect(failing).rejects.toThrow('no answer');
      expect(await readAll(journal.records())).toEqual(['a']);
      let again: string[] = [];
      await journal.flush(async (records) => {
        again = await readAll(records);
      });
      expect(again).toEqual(['a']);
      expect(journal.recordCount).toBe(0);
    });

    it('clears nothing when a flush has not read all of it', async () => {
      await using journal = await world.open();
      journal.append(bytes('a'));
      journal.append(bytes('b'));
      const lazy = journal.flush(async (records) => {
        for await (const record of records) if (text(record) === 'a') break;
      });
      await expect(lazy).rejects.toMatchObject({ kind: 'Internal' });
      expect(await readAll(journal.records())).toEqual(['a', 'b']);
    });

    it('keeps what is appended and synced while a flush runs', async () => {
      {
        await using journal = await world.open();
        journal.append(bytes('a'));
        let applied: string[] = [];
        await journal.flush(async (records) => {
          journal.append(bytes('b'));
          applied = await readAll(records);
          await journal.sync();
          journal.append(bytes('c'));
        });
        expect(applied).toEqual(['a']);
        expect(await readAll(journal.records())).toEqual(['b', 'c']);
        expect(journal).toMatchObject({ recordCount: 2, bytes: 26 });
      }
      await using journal = await world.open();
      expect(await readAll(journal.records())).toEqual(['b', 'c']);
      let applied: string[] = [];
      await journal.flush(async (records) => {
        applied = await readAll(records);
      });
      expect(applied).toEqual(['b', 'c']);
      expect(journal).toMatchObject({ recordCount: 0, bytes: 0 });
    });

    it('refuses a second flush while one runs', async () => {
      await using journal = await world.open();
      journal.append(bytes('a'));
      await journal.flush(async (records) => {
        await expect(journal.flush(async () => {})).rejects.toMatchObject({ kind: 'Internal' });
        await readAll(records);
      });
      expect(journal.recordCount).toBe(0);
    });

    it('clears what was there when it was asked, and nothing that came later', async () => {
      await using journal = await world.open();
      journal.append(bytes('a'));
      await journal.sync();
      journal.append(bytes('b'));
      const first = journal.clear();
      journal.append(bytes('c'));
      const synced = journal.sync();
      const second = journal.clear();
      journal.append(bytes('d'));
      await Promise.all([first, synced, second]);
      expect(await readAll(journal.records())).toEqual(['d']);
      expect(journal.recordCount).toBe(1);
    });

    it('tells a reader whose records were cleared away', async () => {
      await using journal = await world.open();
      for (const record of ['a', 'b', 'c']) journal.append(Buffer.alloc(800_000, record));
      await journal.sync();
      const reader = journal.records()[Symbol.asyncIterator]();
      await reader.next();
      await journal.clear();
      const rest = (async () => {
        while ((await reader.next()).done !== true);
      })();
      await expect(rest).rejects.toMatchObject({ kind: 'Conflict', code: 'JOURNAL_CHANGED' });
    });

    it('is in use while it is open for writing, and free afterwards', async () => {
      const first = await world.open();
      await expect(world.open()).rejects.toMatchObject({ kind: 'Conflict', code: 'JOURNAL_BUSY' });
      first.append(bytes('a'));
      await first.sync();
      await first[Symbol.asyncDispose]();
      await using second = await world.open();
      expect(second.recordCount).toBe(1);
    });

    it('can be read while it is written', async () => {
      await using writer = await world.open();
      writer.append(bytes('a'));
      await writer.sync();
      await using reader = await world.open({ readOnly: true });
      writer.append(bytes('b'));
      await writer.sync();
      expect(await readAll(reader.records())).toEqual(['a']);
      await writer.clear();
      writer.append(bytes('c'));
      await writer.sync();
      await expect(readAll(reader.records())).rejects.toMatchObject({ code: 'JOURNAL_CHANGED' });
      await using again = await world.open({ readOnly: true });
      expect(await readAll(again.records())).toEqual(['c']);
    });

    it('writes nothing when it is open only for reading', async () => {
      await (await world.open())[Symbol.asyncDispose]();
      await using reader = await world.open({ readOnly: true });
      expect(() => reader.append(bytes('a'))).toThrow(
        expect.objectContaining({ kind: 'Internal' }),
      );
      await expect(reader.clear()).rejects.toMatchObject({ kind: 'Internal' });
      await expect(reader.flush(async () => {})).rejects.toMatchObject({ kind: 'Internal' });
    });

    it('may be closed twice, writes on closing, and refuses to work afterwards', async () => {
      const journal = await world.open();
      journal.append(bytes('a'));
      await journal[Symbol.asyncDispose]();
      await journal[Symbol.asyncDispose]();
      expect(() => journal.append(bytes('b'))).toThrow(
        expect.objectContaining({ kind: 'Internal' }),
      );
      expect(() => journal.records()).toThrow(expect.objectContaining({ kind: 'Internal' }));
      await using again = await world.open();
      expect(await readAll(again.records())).toEqual(['a']);
    });

    it('behaves like a list, whatever is done in whatever order', async () => {
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ do: fc.constant('append'), size: fc.nat(70_000) }) },
        ...['sync', 'reopen', 'clear', 'flush', 'flushAndAppend', 'read'].map((what) => ({
          weight: 1,
          arbitrary: fc.record({ do: fc.constant(what), size: fc.nat(100) }),
        })),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          const own = await makeWorld();
          let journal = await own.open();
          let model: string[] = [];
          let count = 0;
          const append = (size: number): string => {
            count += 1;
            const record = `${count}:`.padEnd(size, 'x');
            journal.append(bytes(record));
            return record;
          };
          try {
            for (const { do: what, size } of steps) {
              if (what === 'append') model.push(append(size));
              else if (what === 'sync') await journal.sync();
              else if (what === 'reopen') {
                await journal[Symbol.asyncDispose]();
                journal = await own.open();
                assert.equal(journal.bytesCut, 0);
              } else if (what === 'clear') {
                await journal.clear();
                model = [];
              } else if (what === 'read') assert.deepEqual(await readAll(journal.records()), model);
              else {
                const before = model;
                await journal.flush(async (records) => {
                  assert.deepEqual(await readAll(records), before);
                  model = what === 'flushAndAppend' ? [append(size)] : [];
                });
              }
              assert.equal(journal.recordCount, model.length);
            }
            assert.deepEqual(await readAll(journal.records()), model);
          } finally {
            await journal[Symbol.asyncDispose]();
            await own.remove();
          }
        }),
        { numRuns: 30 },
      );
    });
  });
}
