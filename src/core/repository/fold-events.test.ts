import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { SnapshotId } from '../base/index.ts';
import { MemoryCatalog } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import {
  decodeRecords,
  encodeRecords,
  type EventRecord,
  type SnapshotRecord,
} from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { eventsOfLedger, newEvents } from './fold-events.ts';
import { type CommittedSnapshot, RepositoryState } from './repository-state.ts';

const event: EventRecord = { at: 1000, kind: 'healed', by: 'x', detail: '' };

function world() {
  const catalog = new MemoryCatalog();
  const state = new RepositoryState();
  const clock = new FakeClock({ now: 5000, skips: true });
  const monitor = new CollectingMonitor();
  const fold = async (): Promise<readonly EventRecord[]> => {
    const [record] = newEvents(state, await eventsOfLedger({ catalog, state, clock, monitor }));
    if (record?.type !== 'events') return [];
    state.events.add(record.events);
    return record.events;
  };
  return { catalog, state, clock, monitor, fold };
}

describe('events of the ledger', () => {
  it('wait for their time if they are dated in the future', async () => {
    const { catalog, clock, fold } = world();
    await catalog.ledger.addEvent({ ...event, at: 9000 });
    await catalog.ledger.addEvent(event);
    expect(await fold()).toEqual([event]);
    await clock.sleep(5000);
    expect(await fold()).toEqual([{ ...event, at: 9000 }]);
  });

  it('do not keep the journal from being written, whatever time they bear', async () => {
    const { catalog, fold } = world();
    for (const at of [-1, Number.MIN_SAFE_INTEGER, 0, 1]) {
      await catalog.ledger.addEvent({ ...event, at });
    }
    const folded = await fold();
    expect(folded.map(({ at }) => at)).toEqual([0, 1]);
    expect(decodeRecords(encodeRecords([{ type: 'events', events: folded }]))).toHaveLength(1);
  });

  it('are cut if they are long, and are the same ones afterwards', async () => {
    const { catalog, state, fold } = world();
    const long = '\u{1f600}'.repeat(3000);
    const told = { ...event, object: long, kind: `a${long}`, by: long, detail: `a${long}` };
    await catalog.ledger.addEvent(told);
    const [cut] = await fold();
    expect(cut?.detail.startsWith('a\u{1f600}')).toBe(true);
    const { kind = '', by = '', object = '', detail = '' } = cut ?? {};
    const texts = [kind, by, object, detail];
    expect(texts.map(({ length }) => length)).toEqual([64, 256, 256, 2048]);
    expect(texts.every((text) => text.isWellFormed())).toBe(true);
    expect(await fold()).toEqual([]);
    expect(state.events.andThoseOf([told])).toEqual([told]);
  });

  it('are found however many are new, up to what is looked back at; none is taken twice', async () => {
    const { catalog, state, fold } = world();
    const add = async (from: number, to: number): Promise<void> => {
      for (let number = from; number < to; number++) {
        await catalog.ledger.addEvent({ ...event, detail: `${number}` });
      }
    };
    const numbers = (from: number, to: number): readonly string[] =>
      Array.from({ length: to - from }, (_, at) => `${from + at}`);
    for (const [from, to] of [
      [0, 3],
      [3, 70],
      [70, 2000],
      [2000, 2001],
    ] as const) {
      await add(from, to);
      expect((await fold()).map(({ detail }) => detail)).toEqual(numbers(from, to));
    }
    await add(2001, 10_000);
    expect((await fold()).map(({ detail }) => detail)).toEqual(numbers(10_000 - 4096, 10_000));
    expect(await fold()).toEqual([]);
    await add(10_000, 13_000);
    await fold();
    // What is remembered is bounded, and is more than is looked back at.
    expect(state.events.latest).toHaveLength(8192);
    expect(await fold()).toEqual([]);
  });

  it('that two keyless workers told alike are one', async () => {
    const { catalog, fold } = world();
    await catalog.ledger.addEvent(event);
    await catalog.ledger.addEvent(event);
    expect(await fold()).toEqual([event]);
  });

  it('of a ledger that many share are asked for by the first backup of a day', async () => {
    const { catalog, state, clock, fold } = world();
    Object.assign(catalog, { isShared: true });
    await catalog.ledger.addEvent(event);
    expect(await fold()).toEqual([]);
    const record: Pick<SnapshotRecord, 'finished'> = { finished: clock.now() };
    state.snapshots.set('a1'.repeat(16) as SnapshotId, { record } as CommittedSnapshot);
    expect(await fold()).toEqual([]);
    await clock.sleep(86_400_000);
    expect(await fold()).toEqual([event]);
  });

  it('stop nothing if they cannot be read', async () => {
    const { catalog, monitor, fold } = world();
    catalog.ledger.events = () => {
      throw new VersionsError('Denied', 'CATALOG_DENIED', 'No');
    };
    expect(await fold()).toEqual([]);
    expect(monitor.notes).toEqual(['Events of the catalog are not in the journal yet: No']);
  });
});
