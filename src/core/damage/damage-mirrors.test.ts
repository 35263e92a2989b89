import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { createTestPack } from '../../../test/support/test-pack.ts';
import { testMirrorId, testRepository } from '../../../test/support/test-mirrors.ts';
import { isVersionsError } from '../errors/index.ts';
import { encodeMarker, objectHashOf } from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { MemoryStore } from '../store/index.ts';
import { damageKinds } from './damage-kinds.ts';
import { damageMirrors } from './damage-mirrors.ts';
import type { DamageChoice, DamagePlan } from './plan-damage.ts';

const packs = [0, 1, 2, 3, 4].map((seed) => createTestPack(seed, 20_000));
const keys = [0, 1].map((seed) => seededBytes(`key ${seed}`, 300));
const objects = new Map<string, Uint8Array>([
  ...packs.map(({ key, bytes }): [string, Uint8Array] => [key, bytes]),
  ...keys.map((bytes): [string, Uint8Array] => [`keys/${objectHashOf(bytes)}`, bytes]),
]);
const clock = new FakeClock();
let stores: readonly MemoryStore[];

beforeEach(async () => {
  stores = [new MemoryStore(), new MemoryStore()];
  for (const [at, store] of stores.entries()) {
    for (const [key, bytes] of objects) await store.put(key, [bytes]);
    const mirror = testMirrorId(at + 1);
    const marker = encodeMarker({ repository: testRepository, suite: 1, mirror, created: 1 });
    await store.put('mirror', [marker]);
  }
});

function run(
  choice: Partial<DamageChoice>,
  confirm: (plan: DamagePlan) => Promise<boolean> = async () => true,
) {
  const places = stores.map((store, at) => ({ name: `m${at + 1}`, store }));
  return damageMirrors(places, {
    choice: { seed: 'test', count: 1, lastCopies: false, ...choice },
    confirm,
    monitor: new CollectingMonitor(),
    clock,
  });
}

/** `mirror key` of everything that is not what it was. */
async function wrong(): Promise<string[]> {
  const found: string[] = [];
  for (const [at, store] of stores.entries()) {
    for (const [key, bytes] of objects) {
      const copy = await store.get(key).catch(() => new Uint8Array());
      if (!Buffer.from(copy).equals(bytes)) found.push(`m${at + 1} ${key}`);
    }
  }
  return found;
}

describe('damaging copies', () => {
  it.each(damageKinds)('%s: what is said to be damaged is, and nothing else', async (kind) => {
    const { result } = await run({ kind, part: 'data-pack', mirror: 'm2' });
    const [item, ...others] = result?.broken ?? [];
    expect(others).toEqual([]);
    expect(item).toMatchObject({ kind, part: 'data-pack', mirror: { name: 'm2' } });
    const hit = [item?.key, ...(kind === 'swap' ? [item?.other] : [])];
    expect((await wrong()).toSorted()).toEqual(hit.map((key) => `m2 ${key}`).toSorted());
    if (kind !== 'flip' && kind !== 'zero') return;
    const bytes = objects.get(item?.key ?? '') ?? new Uint8Array();
    const copy = await stores[1]?.get(item?.key ?? '');
    const first = bytes.findIndex((byte, at) => byte !== copy?.[at]);
    expect(first).toBeGreaterThanOrEqual(item?.offset ?? -1);
    expect(first).toBeLessThan((item?.offset ?? 0) + (item?.length ?? 0));
  });

  it('does the same again for the same seed, and something else for another', async () => {
    const plans: string[] = [];
    const note = async ({ items }: DamagePlan): Promise<boolean> => {
      const lines = items.map(({ mirror, key, kind, offset }) => [mirror.name, key, kind, offset]);
      plans.push(JSON.stringify(lines));
      return false;
    };
    for (const seed of ['a', 'a', 'b']) await run({ count: 3, seed }, note);
    expect(plans[1]).toBe(plans[0]);
    expect(plans[2]).not.toBe(plans[0]);
    expect(await wrong()).toEqual([]);
  });

  it('never touches the last good copy, however much is asked for, and however often', async () => {
    for (let round = 0; round < 4; round++) {
      await run({ count: 1000, seed: `round ${round}` }).catch((error: unknown) => {
        if (!isVersionsError(error) || error.code !== 'NOTHING_TO_DAMAGE') throw error;
      });
    }
    const bad = await wrong();
    expect(bad.length).toBeGreaterThan(2);
    expect(new Set(bad.map((line) => line.slice(3))).size).toBe(bad.length);
  });

  it('leaves a copy alone that became the last one while somebody was asked', async () => {
    const { plan, result } = await run({ part: 'data-pack', mirror: 'm1' }, async ({ items }) => {
      await stores[1]?.delete(items[0]?.key ?? '');
      return true;
    });
    expect(result).toMatchObject({ broken: [], spared: 1 });
    expect(await wrong()).toEqual([`m2 ${plan.items[0]?.key}`]);
  });

  it('damages last copies, and markers, only if told to', async () => {
    for (const { key } of packs) await stores[1]?.delete(key);
    await expect(run({ part: 'data-pack' })).rejects.toMatchObject({ code: 'NOTHING_TO_DAMAGE' });
    await expect(run({ part: 'marker' })).rejects.toMatchObject({ code: 'NOTHING_TO_DAMAGE' });
    const { result } = await run({ part: 'data-pack', lastCopies: true });
    expect(result?.broken).toHaveLength(1);
    expect((await run({ part: 'marker', lastCopies: true })).result?.broken).toHaveLength(1);
  });

  it('touches no place without a marker', async () => {
    await stores[0]?.delete('mirror');
    await expect(run({ part: 'data-pack' })).rejects.toMatchObject({ code: 'NOTHING_TO_DAMAGE' });
    expect(await wrong()).toEqual([]);
  });
});
