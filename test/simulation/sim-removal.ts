import { assertAllGood, GoodCopies, named } from './sim-copies.ts';
import { add, drawn, dying, type Hands, heal, remove, sync } from './sim-healers.ts';
import { assertAllHealed } from './sim-healing.ts';
import { Illness } from './sim-illness.ts';
import { hiddenCount, type SimMirror } from './sim-mirror.ts';
import { describe } from './sim-refusals.ts';
import { noTrouble, type Trouble } from './sim-trouble.ts';
import type { Ended } from './sim-world.ts';

/** What may be the matter with a mirror while another one goes or comes. */
const ailments = ['down', 'lying', 'old', 'refusing', 'failing', 'slow'] as const;

/**
 * A mirror is removed, or given up as dead, while another one ails, and its place becomes a mirror
 * again while another one ails. What would leave too few copies is refused; what was cut short or
 * has failed is done again; and in the end every mirror has everything.
 */
export async function removeAndAddWhileOneAils(hands: Hands): Promise<void> {
  const { world, random } = hands;
  const [gone] = drawn(world.mirrors, random);
  if (gone === undefined) return;
  const good = new GoodCopies(world.mirrors);
  const isDead = random.below(2) === 0;
  world.leaveOut(gone.name);
  await removeBeside(hands, gone, isDead);
  for (let left = random.below(2); left > 0; left--) await hands.save();
  if (isDead || random.below(2) === 0) gone.objects = new Map();
  await addBeside(hands, gone);
  world.takeIn(gone);
  // It has another marker than before.
  gone.keepCopy();
  assertAllHealed(await heal(hands, noTrouble));
  await assertAllGood(world, good);
}

async function removeBeside(hands: Hands, gone: SimMirror, isDead: boolean): Promise<void> {
  const { owner } = hands;
  const { illness, away } = await fallIll(hands);
  const tooFew = isDead ? 'no' : await mustBeRefused(hands, illness, away);
  const ended = await remove(hands, gone, troubleOf(hands, illness), isDead);
  hands.note(owner, ended);
  const { value, error, killed } = ended;
  if (error?.code === 'COPIES_TOO_FEW') {
    if (tooFew === 'no') throw new Error(`It was refused without a reason: ${describe(error)}`);
  } else {
    illness.assertExplained(ended);
    if (value && tooFew === 'yes') throw new Error('A mirror was removed that was needed');
    if (error && !killed) assertMayFail(illness, ended);
  }
  if ((value?.nowhere.length ?? 0) > 0) throw new Error('What another mirror has counts as lost');
  await getWell(hands, illness);
  // It is done, or it is done now.
  const again = await remove(hands, gone, noTrouble, isDead);
  if (again.value === undefined) throw again.error ?? new Error('It gave nothing');
  if (again.value.belowMin > 0) throw new Error('Copies are missing after a sync');
}

async function addBeside(hands: Hands, gone: SimMirror): Promise<void> {
  const { illness } = await fallIll(hands);
  const ended = await add(hands, gone, troubleOf(hands, illness));
  hands.note(hands.owner, ended);
  illness.assertExplained(ended);
  const { value, error, killed } = ended;
  if (error && !killed) assertMayFail(illness, ended);
  // The other mirror has everything.
  if (value !== undefined && value > 0) throw new Error(`A new mirror lacks ${value} objects`);
  await getWell(hands, illness);
  const again = await add(hands, gone, noTrouble);
  if (again.value !== 0)
    throw again.error ?? new Error(`A new mirror lacks ${again.value} objects`);
}

async function fallIll(
  hands: Hands,
): Promise<{ readonly illness: Illness; readonly away: SimMirror }> {
  const { world, random } = hands;
  const [away] = drawn(world.mirrors, random);
  if (away === undefined) throw new Error('There is no other mirror');
  const illness = new Illness(hands, away, ailments);
  if (illness.kind === 'old') {
    away.keepCopy();
    await hands.save();
  }
  for (const mirror of world.mirrors) illness.good.keep(mirror);
  illness.begin();
  return { illness, away };
}

async function getWell(hands: Hands, illness: Illness): Promise<void> {
  for (const mirror of hands.world.mirrors) illness.good.check(mirror);
  illness.end();
  const owed = await sync(hands, noTrouble);
  if (owed.value !== 0) throw owed.error ?? new Error(`A sync leaves ${owed.value} objects`);
}

function troubleOf({ random }: Hands, { trouble }: Illness): Trouble {
  const { killAt, killCalls } = random.below(3) === 0 ? dying(random) : noTrouble;
  return { ...trouble, killAt, killCalls };
}

/** Does the mirror that ails show less than what must be on as many mirrors as are left? */
async function mustBeRefused(
  { world }: Hands,
  { kind, course }: Illness,
  { objects }: SimMirror,
): Promise<'yes' | 'no' | 'perhaps'> {
  if (kind !== 'old' && kind !== 'lying') return 'no';
  if (course !== 'always') return 'perhaps';
  const keys = await named(world);
  const hidden = new Set([...objects.keys()].slice(-hiddenCount));
  const lacking = keys.filter((key) =>
    // Who opens the repository gives entries to a mirror that lacks them.
    kind === 'lying' ? hidden.has(key) : key.startsWith('packs/') && !objects.has(key),
  );
  return lacking.length > 0 ? 'yes' : 'perhaps';
}

/** A mirror that takes every entry, however slowly, keeps nobody from changing the mirrors. */
function assertMayFail({ kind, trouble: { refusal } }: Illness, { error }: Ended<unknown>): void {
  const isRefused = refusal?.prefix === '' || refusal?.prefix === 'journal/';
  if (kind === 'slow' || (kind === 'refusing' && !isRefused)) {
    throw new Error(`It failed without a reason: ${error && describe(error)}`);
  }
}
