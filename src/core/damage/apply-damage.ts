import type { Monitor } from '../monitor/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { judgeFor, readCopy } from '../verify/index.ts';
import { damagedBytes } from './damage-kinds.ts';
import { type DamageItem, type DamagePlan, type DamageWorld, isElsewhere } from './plan-damage.ts';

export interface DamageResult {
  readonly broken: readonly DamageItem[];
  /** Copies that were left alone after all: no longer good, or by now the last ones. */
  readonly spared: number;
}

/** Damages what the plan lists. What cannot be damaged is reported and stops nothing. */
export async function applyDamage(
  plan: DamagePlan,
  world: DamageWorld & { readonly lastCopies: boolean; readonly monitor: Monitor },
): Promise<DamageResult> {
  const broken: DamageItem[] = [];
  let spared = 0;
  for (const item of plan.items) {
    world.signal?.throwIfAborted();
    try {
      if (await breakCopy(item, plan.seed, world)) broken.push(item);
      else spared += 1;
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
      spared += 1;
      world.monitor.problem(error);
    }
  }
  return { broken, spared };
}

/** False if it was left alone. Looks again first: somebody may have answered the question late. */
async function breakCopy(
  item: DamageItem,
  seed: string,
  world: DamageWorld & { readonly lastCopies: boolean },
): Promise<boolean> {
  const { mirror, key, kind, other } = item;
  const { signal } = world;
  const judge = judgeFor({ repository: world.repository });
  const keys = kind === 'swap' && other !== undefined ? [key, other] : [key];
  for (const each of keys) {
    if (!world.lastCopies && !(await isElsewhere(mirror, each, world, judge))) return false;
  }
  const { good } = await readCopy(mirror, key, judge, signal);
  if (good === undefined) return false;
  if (kind === 'delete') {
    await mirror.store.delete(key, { signal });
    return true;
  }
  if (other !== undefined) {
    const foreign = await mirror.store.get(other, { signal });
    await mirror.store.put(key, [foreign], { signal });
    if (kind === 'swap') await mirror.store.put(other, [good], { signal });
    return true;
  }
  const wrong = damagedBytes(good, item, seed);
  if (wrong === undefined) return false;
  await mirror.store.put(key, [wrong], { signal });
  return true;
}
