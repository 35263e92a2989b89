import { named, spoil } from './sim-copies.ts';
import {
  add,
  drawn,
  dying,
  type Hands,
  heal,
  type Healed,
  healWithoutKeys,
  remove,
} from './sim-healers.ts';
import { noTrouble, type Trouble } from './sim-trouble.ts';
import type { Ended } from './sim-world.ts';

/**
 * Copies rot, each in a place where another mirror has a good one. Several heal at once, somebody
 * without keys among them, while something is saved; and before that one may have died at it. Then
 * every copy is good.
 */
export async function healersRace(hands: Hands): Promise<void> {
  const { random } = hands;
  const spoiled = await spoil(hands);
  if (random.below(2) === 0) {
    const ended = await heal(hands, dying(random));
    hands.note(hands.owner, ended);
    if (ended.error !== undefined && !ended.killed) throw ended.error;
  }
  // Every one of them may find what another one has just mended, or is about to.
  const racing = [heal(hands, noTrouble), heal(hands, noTrouble)];
  if (random.below(2) === 0) racing.push(healWithoutKeys(hands, noTrouble));
  const saving = random.below(2) === 0 ? hands.save() : undefined;
  for (const ended of await Promise.all(racing)) {
    hands.note(hands.owner, ended);
    if (ended.error !== undefined) throw ended.error;
  }
  await saving;
  assertAllHealed(await heal(hands, noTrouble));
  for (const { mirror, key, bytes } of spoiled) {
    const now = mirror.objects.get(key);
    if (now === undefined || Buffer.compare(now, bytes) !== 0) {
      throw new Error(`${mirror.name} has no good copy of ${key} after it was healed`);
    }
  }
}

/** All mirrors are well: there is no reason to leave anything. */
export function assertAllHealed({ value, error }: Ended<Healed>): void {
  if (error !== undefined || value === undefined) throw error ?? new Error('It gave nothing');
  const { left, lost } = value;
  if (left + lost > 0) throw new Error(`A healer leaves ${left} copies and gives up ${lost}`);
}

/**
 * A mirror is removed, which is refused as long as another one is owed what it has, some backups go
 * by, and its place becomes a mirror again, with what lay there or without.
 */
export async function removeAndAdd(hands: Hands): Promise<void> {
  const { world, random } = hands;
  const [gone, away] = drawn(world.mirrors, random);
  if (gone === undefined || away === undefined) return;
  away.ailment = 'down';
  await hands.save();
  away.ailment = 'none';
  const refused = await remove(hands, gone, noTrouble);
  if (refused.error?.code !== 'COPIES_TOO_FEW') {
    throw new Error(`A mirror was removed that was needed: ${refused.error}`);
  }
  world.takeIn(gone);
  away.takeFrom(world.mirrors);
  await atLast(hands, (trouble) => remove(hands, gone, trouble));
  for (let left = random.below(3); left > 0; left--) await hands.save();
  if (random.below(2) === 0) gone.objects = new Map();
  const owed = await atLast(hands, (trouble) => add(hands, gone, trouble));
  if (owed > 0) throw new Error(`A new mirror still lacks ${owed} objects`);
  world.takeIn(gone);
  // It has another marker than before.
  gone.keepCopy();
  for (const key of await named(world)) {
    if (!gone.objects.has(key)) throw new Error(`A mirror that was added lacks ${key}`);
  }
}

/** What is killed is done again, as a user would. */
async function atLast<T>(
  { owner, random, note }: Hands,
  run: (trouble: Trouble) => Promise<Ended<T>>,
): Promise<T> {
  for (const trouble of [random.below(2) === 0 ? dying(random) : noTrouble, noTrouble]) {
    const ended = await run(trouble);
    note(owner, ended);
    if (ended.value !== undefined) return ended.value;
    if (!ended.killed) throw ended.error ?? new Error('It gave nothing');
  }
  throw new Error('It was killed without being killed');
}
