import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestMirror,
  type TestMirror,
  testRepository,
} from '../../../test/support/test-mirrors.ts';
import { type Ledger, MemoryCatalog } from '../catalog/index.ts';
import { objectHashOf } from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { judgeFor } from '../verify/index.ts';
import { healCopies, type HealCopiesOptions, type HealedCopies } from './heal-copies.ts';

const contents = [1, 2, 3].map((number) => seededBytes(number, 1000));
const keys = contents.map((content) => {
  const hash = objectHashOf(content);
  return `packs/${hash.slice(0, 2)}/${hash}`;
});
const [first = '', second = '', third = ''] = keys;

let ledger: Ledger;
let target: TestMirror;
let source: TestMirror;
beforeEach(async () => {
  ({ ledger } = new MemoryCatalog());
  target = await createTestMirror(1);
  source = await createTestMirror(2);
  for (const [index, key] of keys.entries())
    await source.memory.put(key, [contents[index] ?? Buffer.alloc(0)]);
});

const heal = (more: Partial<HealCopiesOptions>): Promise<HealedCopies> =>
  healCopies(
    target,
    keys.map((object) => ({ object, bytes: 1000 })),
    {
      repository: testRepository,
      ledger,
      judge: judgeFor({ repository: testRepository }),
      clock: new FakeClock(),
      monitor: new CollectingMonitor(),
      sources: [source],
      isComplete: true,
      holder: 'holder',
      by: 'healer',
      maxAgeMs: 1_000_000,
      hasTime: () => true,
      ...more,
    },
  );

it('gives back what was cut off when the time was over, unless nothing was done at all', async () => {
  const over = new AbortController();
  const judge = judgeFor({ repository: testRepository });
  const cutting: typeof judge = (key, bytes, mirror) => {
    if (key === second) over.abort(new Error('over'));
    over.signal.throwIfAborted();
    return judge(key, bytes, mirror);
  };
  const result = await heal({ signal: over.signal, judge: cutting });
  expect(result.healed).toBe(1);
  expect(result.left.map(({ object }) => object)).toEqual([second, third]);
  expect(await target.memory.head(first)).toBeDefined();
  await expect(heal({ signal: over.signal, judge: cutting })).rejects.toThrow('over');
  expect((await heal({})).healed).toBe(2);
});

it('writes nothing once another run has taken over what it was at', async () => {
  const clock = new FakeClock();
  const judge = judgeFor({ repository: testRepository });
  const minute = 60_000;
  let other: Promise<HealedCopies> | undefined;
  // Asleep in the middle of the first copy, while another run comes by and goes on.
  const sleeping: typeof judge = async (key, bytes, mirror) => {
    if (other === undefined) {
      await clock.advance(6 * minute);
      other = heal({ clock, holder: 'another' });
      await other;
    }
    return judge(key, bytes, mirror);
  };
  const slow = await heal({ clock, judge: sleeping });
  expect((await other)?.healed).toBe(3);
  expect(slow).toMatchObject({ healed: 0, passed: 3, failed: 0, left: [] });
  const puts = target.store.calls.filter(({ method }) => method === 'put');
  expect(puts.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
  const events = await ledger.events(10);
  expect(events.map(({ kind }) => kind)).toEqual(['healed', 'healed', 'healed']);
});

it('leaves what another run is at, for five minutes after that was killed', async () => {
  const clock = new FakeClock();
  await ledger.acquireLease(`heal ${target.id} ${first}`, 'killed', {
    now: clock.now(),
    ms: 300_000,
  });
  expect(await heal({ clock })).toMatchObject({ healed: 2, passed: 1 });
  await clock.advance(300_000);
  expect(await heal({ clock })).toMatchObject({ healed: 1, passed: 2 });
});
