import { assertAllGood, spoil, type Spoiled } from './sim-copies.ts';
import { drawn, dying, type Hands, heal, healWithoutKeys, sync } from './sim-healers.ts';
import { assertAllHealed } from './sim-healing.ts';
import { Illness } from './sim-illness.ts';
import { noTrouble } from './sim-trouble.ts';

/**
 * Copies rot, and one mirror ails at the same time: before anybody begins to heal, from the middle
 * of it, or until then. Several heal at once, with and without keys, some die at it, something is
 * saved beside them. No good copy may suffer; who says that all is good must be right; and once the
 * mirror is well, healing once makes everything good, and nothing is left to sync.
 */
export async function healersRaceWhileOneAils(hands: Hands): Promise<void> {
  const { world, random, owner } = hands;
  const [ill] = drawn(world.mirrors, random);
  if (ill === undefined) return;
  const illness = new Illness(hands, ill);
  if (illness.kind === 'old') {
    ill.keepCopy();
    await hands.save();
  }
  const spoiled = await spoil(hands, {
    mayBeLast: (mirror, key) => illness.mayHoldLast(mirror, key),
    // The one that ails may be the one that is needed.
    allBut: random.below(2) === 0 ? ill : undefined,
  });
  for (const { mirror, key } of spoiled) hands.tell(`${key} in ${mirror.name} is damaged`);
  for (const mirror of world.mirrors) illness.good.keep(mirror);
  illness.begin();
  if (random.below(3) === 0) {
    const ended = await heal(hands, { ...dying(random), ...faultsOf(illness) });
    hands.note(owner, ended);
    illness.assertExplained(ended);
  }
  await race(hands, illness, spoiled);
  for (const mirror of world.mirrors) illness.good.check(mirror);
  illness.end();
  const last = await heal(hands, noTrouble);
  hands.tell(`at last: ${last.error ?? JSON.stringify(last.value)}`);
  assertAllHealed(last);
  const owed = await sync(hands, noTrouble);
  if (owed.value !== 0) throw owed.error ?? new Error(`A sync leaves ${owed.value} objects`);
  for (const mirror of world.mirrors) illness.good.check(mirror);
  await assertAllGood(world, illness.good);
}

async function race(hands: Hands, illness: Illness, spoiled: readonly Spoiled[]): Promise<void> {
  const { random, owner, world } = hands;
  const { trouble } = illness;
  const racing = [heal(hands, trouble)];
  if (random.below(2) === 0) racing.push(heal(hands, trouble));
  const strangers = random.below(3) > 0 ? 1 : 0;
  // One without keys has nothing to leave behind, and may die while others are at it.
  const fate = random.below(3) === 0 ? { ...dying(random), ...faultsOf(illness) } : trouble;
  const unlocked = strangers > 0 ? healWithoutKeys(hands, fate) : undefined;
  const saving = random.below(2) === 0 ? hands.save(trouble) : undefined;
  const ends = await Promise.all(racing);
  for (const ended of ends) {
    hands.note(owner, ended);
    illness.assertExplained(ended);
    if (ended.value !== undefined) illness.assertHonest(ended.value, spoiled);
  }
  const stranger = await unlocked;
  if (stranger !== undefined && !stranger.killed) {
    hands.note(owner, stranger);
    if (stranger.error !== undefined) throw stranger.error;
    if (stranger.value !== undefined) illness.assertHonest(stranger.value, spoiled, false);
  }
  await saving;
  // What needs nothing of the one that ails must be done.
  if (!ends.some(({ value }) => value !== undefined)) return;
  const well = world.mirrors.filter((mirror) => mirror !== illness.mirror);
  for (const { mirror, key } of spoiled) {
    if (mirror === illness.mirror) continue;
    const isLast = !well.some(
      (other) =>
        other !== mirror && !spoiled.some((bad) => bad.key === key && bad.mirror === other),
    );
    if (isLast || illness.good.isGood(key, mirror.objects.get(key))) continue;
    throw new Error(`${key} in ${mirror.name} is not mended though another mirror has it`);
  }
}

function faultsOf({ trouble: { faultsPerMille, faultsIn, refusal, slow } }: Illness): {
  readonly faultsPerMille: number;
} & Pick<Illness['trouble'], 'faultsIn' | 'refusal' | 'slow'> {
  return { faultsPerMille, faultsIn, refusal, slow };
}
