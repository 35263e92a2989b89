import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { createTestMirror, type TestMirror } from '../../../test/support/test-mirrors.ts';
import type { MirrorId, RepositoryId } from '../base/index.ts';
import { MemoryCatalog } from '../catalog/index.ts';
import { objectHashOf } from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { judgeFor } from '../verify/index.ts';
import { payDebts, type PaidDebts, type PayOptions } from './pay-debts.ts';

const contents = [1, 2, 3].map((seed) => seededBytes(seed, 1000 * seed));
const keyOf = (content: Uint8Array): string => `payloads/${objectHashOf(content)}`;

let mirrors: TestMirror[];
let catalog: MemoryCatalog;
let monitor: CollectingMonitor;
const clock = new FakeClock();

beforeEach(async () => {
  mirrors = await Promise.all([1, 2].map((number) => createTestMirror(number)));
  catalog = new MemoryCatalog();
  monitor = new CollectingMonitor();
  for (const content of contents) {
    await mirrors[0]?.memory.put(keyOf(content), [content]);
    await owe(mirrors[1]!, content);
  }
});

function owe({ id }: { readonly id: MirrorId }, content: Uint8Array): Promise<void> {
  const object = keyOf(content);
  const bytes = content.byteLength;
  return catalog.ledger.record([{ object, bytes, life: 'live', mirror: id, state: 'debt' }]);
}

function pay(options: Partial<PayOptions> = {}): Promise<PaidDebts> {
  const judge = judgeFor({ repository: 'aa'.repeat(16) as RepositoryId });
  const { ledger } = catalog;
  return payDebts(mirrors, { judge, ledger, clock, monitor, by: 'test', ...options });
}

async function debtsLeft(): Promise<number> {
  let count = 0;
  for await (const _ of catalog.ledger.copies({ state: 'debt' })) count += 1;
  return count;
}

describe('payDebts', () => {
  it('copies what is owed, and notes it', async () => {
    expect(await pay()).toEqual({ paid: 3, bytes: 6000, left: 0 });
    for (const content of contents) {
      expect(await mirrors[1]?.memory.get(keyOf(content))).toEqual(new Uint8Array(content));
    }
    expect(await debtsLeft()).toBe(0);
    const events = await catalog.ledger.events(10);
    expect(events).toHaveLength(3);
    expect(events[0]).toMatchObject({ kind: 'paid', mirror: mirrors[1]?.id, by: 'test' });
    expect(await pay()).toEqual({ paid: 0, bytes: 0, left: 0 });
  });

  it('takes a debt that somebody else has paid off the list without a copy', async () => {
    const [content] = contents;
    await mirrors[1]?.memory.put(keyOf(content!), [content!]);
    expect(await pay()).toEqual({ paid: 3, bytes: 5000, left: 0 });
    expect(await catalog.ledger.events(10)).toHaveLength(2);
  });

  it('leaves what no mirror has, says so, and pays the rest', async () => {
    await mirrors[0]?.memory.delete(keyOf(contents[1]!));
    expect(await pay()).toEqual({ paid: 2, bytes: 4000, left: 1 });
    expect(monitor.problems.map(({ code }) => code)).toEqual(['NO_GOOD_COPY']);
    expect(await debtsLeft()).toBe(1);
  });

  it('stops before it has copied more than it may', async () => {
    expect(await pay({ bytesMax: 3500 })).toMatchObject({ left: 1 });
    expect(await pay({ bytesMax: 3500 })).toMatchObject({ paid: 1, left: 0 });
  });

  it('leaves debts of mirrors that are not at hand', async () => {
    mirrors = mirrors.slice(0, 1);
    expect(await pay()).toEqual({ paid: 0, bytes: 0, left: 0 });
    expect(await debtsLeft()).toBe(3);
  });

  it('pays those of one mirror only, if told so', async () => {
    const first = contents[0]!;
    await mirrors[0]?.memory.delete(keyOf(first));
    await mirrors[1]?.memory.put(keyOf(first), [first]);
    await owe(mirrors[0]!, first);
    expect(await pay({ mirror: mirrors[0]?.id })).toEqual({ paid: 1, bytes: 1000, left: 0 });
    expect(await debtsLeft()).toBe(3);
  });
});
