import { beforeEach, describe, expect, it } from 'vitest';
import type { MirrorId } from '../../src/core/base/index.ts';
import type { Catalog, Ledger, LedgerCopy, LedgerEvent } from '../../src/core/catalog/index.ts';
import { collect } from './collect.ts';

const mirrorA = '1'.repeat(32) as MirrorId;
const mirrorB = '2'.repeat(32) as MirrorId;

const copy = (object: string, changes: Partial<LedgerCopy> = {}): LedgerCopy => ({
  object,
  bytes: 10,
  life: 'live',
  mirror: mirrorA,
  state: 'stored',
  lastVerified: undefined,
  nextDue: undefined,
  ...changes,
});

/** What every ledger keeps to. */
export function describeLedger(catalogOf: () => Catalog): void {
  describe('the ledger', () => {
    let catalog: Catalog;
    beforeEach(() => {
      catalog = catalogOf();
    });

    it('keeps copies, by object and mirror, and replaces them', async () => {
      const copies = [
        copy('packs/b', { mirror: mirrorB, state: 'debt' }),
        copy('packs/b', { lastVerified: 5, nextDue: 9, bytes: 2 ** 40 }),
        copy('packs/a', { life: 'condemned', state: 'damaged' }),
      ];
      await catalog.ledger.record([]);
      await catalog.ledger.record(copies);
      expect(await collect(catalog.ledger.copies())).toEqual([copies[2], copies[1], copies[0]]);
      await catalog.ledger.record([copy('packs/b', { state: 'suspect' })]);
      expect(await collect(catalog.ledger.copies())).toEqual([
        copies[2],
        copy('packs/b', { state: 'suspect' }),
        copies[0],
      ]);
    });

    it('filters by mirror and by state', async () => {
      const copies = [
        copy('a', { state: 'debt' }),
        copy('a', { state: 'debt', mirror: mirrorB }),
        copy('b'),
        copy('b', { mirror: mirrorB }),
        copy('c', { state: 'absent' }),
      ];
      await catalog.ledger.record(copies);
      const find = async (filter: Parameters<typeof catalog.ledger.copies>[0]): Promise<number[]> =>
        (await collect(catalog.ledger.copies(filter))).map((found) =>
          copies.findIndex((c) => c.object === found.object && c.mirror === found.mirror),
        );
      expect(await find({ mirror: mirrorA })).toEqual([0, 2, 4]);
      expect(await find({ state: 'debt' })).toEqual([0, 1]);
      expect(await find({ state: 'stored' })).toEqual([2, 3]);
      expect(await find({ state: 'debt', mirror: mirrorB })).toEqual([1]);
      expect(await find({ state: 'quarantined' })).toEqual([]);
    });

    it('lists many copies, also while they change', async () => {
      const names = Array.from({ length: 603 }, (_, index) => `o${String(index).padStart(5, '0')}`);
      await catalog.ledger.record(names.map((name) => copy(name, { state: 'debt' })));
      const seen: string[] = [];
      for await (const { object } of catalog.ledger.copies({ state: 'debt' })) {
        seen.push(object);
        await catalog.ledger.setState(object, mirrorA, 'stored', 1);
      }
      expect(seen).toEqual(names);
      expect(await collect(catalog.ledger.copies({ state: 'debt' }))).toEqual([]);
    });

    it('leaves out a verification that lies in the future, if asked', async () => {
      await catalog.ledger.record([
        copy('a', { lastVerified: 100 }),
        copy('b', { lastVerified: 101 }),
      ]);
      const found = await collect(catalog.ledger.copies({ now: 100 }));
      expect(found.map(({ lastVerified }) => lastVerified)).toEqual([100, undefined]);
      expect(await collect(catalog.ledger.copies())).toMatchObject([{}, { lastVerified: 101 }]);
    });

    it('changes the state of a copy and nothing else of it', async () => {
      const before = copy('a', { life: 'condemned', lastVerified: 3, nextDue: 9 });
      await catalog.ledger.record([before]);
      await catalog.ledger.setState('a', mirrorA, 'suspect', 7);
      const suspect = { ...before, state: 'suspect', lastVerified: 7 };
      expect(await collect(catalog.ledger.copies())).toEqual([suspect]);
      await catalog.ledger.setState('a', mirrorA, 'quarantined', 8);
      const quarantined = { ...suspect, state: 'quarantined' };
      expect(await collect(catalog.ledger.copies())).toEqual([quarantined]);
    });

    it('adds a copy that it did not know', async () => {
      await catalog.ledger.setState('a', mirrorA, 'debt', 7);
      await catalog.ledger.setState('b', mirrorA, 'absent', 8);
      expect(await collect(catalog.ledger.copies())).toEqual([
        copy('a', { bytes: 0, state: 'debt' }),
        copy('b', { bytes: 0, state: 'absent', lastVerified: 8 }),
      ]);
    });

    it('records all copies or none', async () => {
      const bad = copy('b', { mirror: 'nowhere' as MirrorId });
      await expect(catalog.ledger.record([copy('a'), bad])).rejects.toMatchObject({
        kind: 'Internal',
      });
      expect(await collect(catalog.ledger.copies())).toEqual([]);
    });

    it('keeps events and gives the last ones', async () => {
      const event = (at: number, changes: Partial<LedgerEvent> = {}): LedgerEvent => ({
        at,
        kind: 'healed',
        mirror: undefined,
        object: undefined,
        by: 'healer',
        detail: `number ${at}`,
        ...changes,
      });
      expect(await catalog.ledger.events(5)).toEqual([]);
      const events = [event(3), event(1, { mirror: mirrorA, object: 'packs/a' }), event(2)];
      for (const one of events) await catalog.ledger.addEvent(one);
      expect(await catalog.ledger.events(10)).toEqual(events.toReversed());
      expect(await catalog.ledger.events(2)).toEqual([events[2], events[1]]);
      expect(await catalog.ledger.events(0)).toEqual([]);
    });

    it('gives the copies of one object', async () => {
      const copies = [copy('a'), copy('a/b'), copy('b', { mirror: mirrorB }), copy('b')];
      await catalog.ledger.record(copies);
      expect(await catalog.ledger.copiesOf('b')).toEqual([copies[3], copies[2]]);
      expect(await catalog.ledger.copiesOf('a')).toEqual([copies[0]]);
      expect(await catalog.ledger.copiesOf('c')).toEqual([]);
    });

    describeLives(() => catalog.ledger);
    describeDue(() => catalog.ledger);
  });
}

function describeLives(ledgerOf: () => Ledger): void {
  it('keeps the life of an object for all its copies', async () => {
    const ledger = ledgerOf();
    await ledger.record([copy('a'), copy('a', { mirror: mirrorB }), copy('b')]);
    expect(await ledger.lifeOf('a')).toBe('live');
    await ledger.setLife(['a', 'c'], 'condemned');
    expect((await collect(ledger.copies())).map(({ life }) => life)).toEqual([
      'condemned',
      'condemned',
      'live',
    ]);
    expect(await ledger.lifeOf('c')).toBe('condemned');
    // Whoever lists a mirror knows nothing of lives, and must not bring anything back to life.
    await ledger.record([copy('a', { bytes: 11 })]);
    await ledger.setState('c', mirrorA, 'stored', 1);
    expect((await ledger.copiesOf('a')).map(({ life }) => life)).toEqual([
      'condemned',
      'condemned',
    ]);
    expect((await ledger.copiesOf('c')).map(({ life }) => life)).toEqual(['condemned']);
    await ledger.setLife(['a'], 'live');
    expect(await ledger.lifeOf('a')).toBe('live');
    expect((await ledger.copiesOf('a')).map(({ life }) => life)).toEqual(['live', 'live']);
  });

  it('never takes back that an object was swept', async () => {
    const ledger = ledgerOf();
    await ledger.record([copy('a'), copy('a', { mirror: mirrorB }), copy('b')]);
    await ledger.setLife(['a'], 'swept');
    expect(await ledger.copiesOf('a')).toEqual([]);
    for (const life of ['live', 'condemned'] as const) {
      await ledger.setLife(['a'], life);
      expect(await ledger.lifeOf('a')).toBe('swept');
    }
    await ledger.record([copy('a'), copy('a', { mirror: mirrorB, life: 'condemned' })]);
    expect((await ledger.copiesOf('a')).map(({ life }) => life)).toEqual(['swept', 'swept']);
    expect((await ledger.due(mirrorA, 10, 10)).map(({ object }) => object)).toEqual(['b']);
  });
}

function describeDue(ledgerOf: () => Ledger): void {
  const names = (copies: readonly LedgerCopy[]): string[] => copies.map(({ object }) => object);

  it('gives what is due in a mirror, the longest due first', async () => {
    const ledger = ledgerOf();
    await ledger.record([
      copy('at-20', { nextDue: 20 }),
      copy('at-10', { nextDue: 10, bytes: 77, lastVerified: 3 }),
      copy('never'),
      copy('also-never'),
      copy('at-31', { nextDue: 31 }),
      copy('elsewhere', { nextDue: 1, mirror: mirrorB }),
    ]);
    expect(names(await ledger.due(mirrorA, 30, 10))).toEqual([
      'also-never',
      'never',
      'at-10',
      'at-20',
    ]);
    expect(names(await ledger.due(mirrorA, 30, 3))).toEqual(['also-never', 'never', 'at-10']);
    expect((await ledger.due(mirrorA, 30, 3))[2]).toEqual(
      copy('at-10', { nextDue: 10, bytes: 77, lastVerified: 3 }),
    );
    expect(names(await ledger.due(mirrorA, 31, 10))).toContain('at-31');
    expect(names(await ledger.due(mirrorB, 30, 10))).toEqual(['elsewhere']);
    expect(await ledger.due(mirrorB, 30, 0)).toEqual([]);
    expect(await ledger.due(mirrorB, 0, 10)).toEqual([]);
  });

  it('gives only what can be verified', async () => {
    const ledger = ledgerOf();
    const states = ['stored', 'debt', 'suspect', 'damaged', 'quarantined', 'absent'] as const;
    await ledger.record(states.map((state) => copy(state, { state })));
    expect(names(await ledger.due(mirrorA, 1, 10))).toEqual([
      'absent',
      'damaged',
      'stored',
      'suspect',
    ]);
    await ledger.setState('debt', mirrorA, 'stored', 5);
    await ledger.setState('stored', mirrorA, 'debt', 5);
    await ledger.setState('new', mirrorA, 'stored', 5);
    expect(names(await ledger.due(mirrorA, 1, 10))).toEqual([
      'absent',
      'damaged',
      'debt',
      'new',
      'suspect',
    ]);
  });

  it('moves what was queued, and nothing else of it', async () => {
    const ledger = ledgerOf();
    const before = [copy('a', { nextDue: 1, state: 'suspect', lastVerified: 4 }), copy('b')];
    await ledger.record(before);
    await ledger.setDue([
      { object: 'a', mirror: mirrorA, nextDue: 100 },
      { object: 'b', mirror: mirrorA, nextDue: 50 },
      { object: 'unknown', mirror: mirrorA, nextDue: 50 },
    ]);
    await ledger.setDue([]);
    expect(await ledger.due(mirrorA, 49, 10)).toEqual([]);
    expect(await ledger.due(mirrorA, 100, 10)).toEqual([
      { ...before[1], nextDue: 50 },
      { ...before[0], nextDue: 100 },
    ]);
    await ledger.setState('b', mirrorA, 'damaged', 60);
    expect(await ledger.due(mirrorA, 50, 10)).toEqual([
      copy('b', { nextDue: 50, state: 'damaged', lastVerified: 60 }),
    ]);
  });

  it('gives everything in turn, however much is due', async () => {
    const ledger = ledgerOf();
    const all = Array.from({ length: 530 }, (_, index) => `o${String(index).padStart(4, '0')}`);
    await ledger.record(all.map((name, index) => copy(name, { nextDue: index % 7 })));
    const seen: string[] = [];
    for (;;) {
      const found = await ledger.due(mirrorA, 10, 100);
      if (found.length === 0) break;
      expect(found.length).toBe(Math.min(100, 530 - seen.length));
      seen.push(...names(found));
      await ledger.setDue(found.map((each) => ({ ...each, nextDue: 1000 })));
    }
    expect(seen.toSorted()).toEqual(all);
    expect(new Set(seen).size).toBe(530);
  });
}
