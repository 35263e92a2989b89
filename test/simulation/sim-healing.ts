import {
  addMirror,
  applyRemoval,
  applySync,
  membersOf,
  planRemoval,
  planSync,
  runHeal,
  verifyKeyless,
} from '../../src/core/index.ts';
import { expectedObjects } from '../../src/core/repository/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { SimMirror } from './sim-mirror.ts';
import { noTrouble, type Trouble } from './sim-trouble.ts';
import type { Ended, SimMachine, SimWorld } from './sim-world.ts';

/** What the simulation lets happen to mirrors that are healed, removed and added. */
export interface Hands {
  readonly world: SimWorld;
  readonly random: SeededRandom;
  /** The machine that writes, and can. */
  readonly owner: SimMachine;
  /** Changes something and saves it; throws unless that is done. */
  readonly save: () => Promise<void>;
  readonly note: (machine: SimMachine, ended: Ended<unknown>) => void;
}

/** Less than makes a healer stop because too much is wrong at once. */
const damagedMax = 5;

/** A copy that is not good any more, and what it was. */
interface Spoiled {
  readonly mirror: SimMirror;
  readonly key: string;
  readonly bytes: Uint8Array;
}

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
  if (random.below(2) === 0) racing.push(healWithoutKeys(hands));
  const saving = random.below(2) === 0 ? hands.save() : undefined;
  for (const ended of await Promise.all(racing)) {
    hands.note(hands.owner, ended);
    if (ended.error !== undefined) throw ended.error;
  }
  await saving;
  const last = await heal(hands, noTrouble);
  if (last.error !== undefined) throw last.error;
  if (last.value !== 0) throw new Error(`A healer leaves ${last.value} copies`);
  for (const { mirror, key, bytes } of spoiled) {
    const now = mirror.objects.get(key);
    if (now === undefined || Buffer.compare(now, bytes) !== 0) {
      throw new Error(`${mirror.name} has no good copy of ${key} after it was healed`);
    }
  }
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
async function atLast(
  { owner, random, note }: Hands,
  run: (trouble: Trouble) => Promise<Ended<number>>,
): Promise<number> {
  for (const trouble of [random.below(2) === 0 ? dying(random) : noTrouble, noTrouble]) {
    const ended = await run(trouble);
    note(owner, ended);
    if (ended.value !== undefined) return ended.value;
    if (!ended.killed) throw ended.error ?? new Error('It gave nothing');
  }
  throw new Error('It was killed without being killed');
}

function dying(random: SeededRandom): Trouble {
  const killCalls = (['put ', 'append', ''] as const)[random.below(3)] ?? '';
  return { ...noTrouble, killAt: 1 + random.below(killCalls === '' ? 80 : 4), killCalls };
}

/** The number of copies that are left as they were, or gone for good. */
function heal({ world, owner }: Hands, trouble: Trouble): Promise<Ended<number>> {
  const options = { level: 'data', dryRun: false, host: owner.name } as const;
  return world.act(owner, trouble, (repository) =>
    repository
      .use(false, (opened, context) => runHeal(opened, options, context))
      .then(({ summary: { left, lost } }) => left + lost),
  );
}

function healWithoutKeys({ world, owner }: Hands): Promise<Ended<number>> {
  return world.act(owner, noTrouble, async (_repository, monitor, doors) => {
    const places = await Promise.all(
      world.mirrors.map(async ({ name }) => ({ name, store: await doors.openStore(name, open) })),
    );
    const { clock } = world;
    const options = { level: 'data', monitor, clock, by: 'nobody' } as const;
    const { healed } = await verifyKeyless(places, { ...options, heal: { dryRun: false } });
    return healed?.left;
  });
}

const open = { create: false, readOnly: false };

function remove(
  { world, owner }: Hands,
  { name }: SimMirror,
  trouble: Trouble,
): Promise<Ended<number>> {
  world.leaveOut(name);
  return world.act(owner, trouble, (repository) =>
    repository
      .use(false, async (opened) => {
        const id = membersOf(opened).find((member) => member.name === name)?.id;
        const { mirrorsMin } = world;
        const plan = await planRemoval(opened, { name, id, mirrorsMin, lost: false });
        await applyRemoval(opened, plan);
        return plan.belowMin;
      })
      .then(({ summary }) => summary),
  );
}

function add(
  { world, owner }: Hands,
  { name }: SimMirror,
  trouble: Trouble,
): Promise<Ended<number>> {
  return world.act(owner, trouble, (repository, _monitor, doors) =>
    repository
      .use(false, async (opened) => {
        const store = await doors.openStore(name, { create: true, readOnly: false });
        const { mirror } = await addMirror(opened, { name, store });
        const plan = await planSync(opened, mirror);
        return (await applySync(opened, plan, { by: owner.name })).left;
      })
      .then(({ summary }) => summary),
  );
}

/** Spoils a few copies of what the journal names; of each object one mirror at least keeps a good one. */
async function spoil({ world, random: drawnFrom }: Hands): Promise<readonly Spoiled[]> {
  // A stream of its own: what lies under which key differs from run to run, and what happens next
  // must not.
  const random = new SeededRandom(`${drawnFrom.below(2 ** 30)}`);
  const keys = await named(world);
  const spoiled: Spoiled[] = [];
  for (let count = 1 + random.below(damagedMax); count > 0; count--) {
    const key = keys[random.below(keys.length)] ?? '';
    const [mirror, ...others] = drawn(world.mirrors, random);
    const bytes = mirror?.objects.get(key);
    const isBad = (other: SimMirror): boolean =>
      !other.objects.has(key) || spoiled.some((bad) => bad.key === key && bad.mirror === other);
    if (mirror === undefined || bytes === undefined || isBad(mirror) || others.every(isBad))
      continue;
    spoiled.push({ mirror, key, bytes });
    mirror.objects.delete(key);
    const worse = spoiledBytes(bytes, world.mirrors[0]?.objects.get('config'), random);
    if (worse !== undefined) mirror.objects.set(key, worse);
  }
  return spoiled;
}

function spoiledBytes(
  bytes: Uint8Array,
  other: Uint8Array | undefined,
  random: SeededRandom,
): Uint8Array | undefined {
  switch (random.below(5)) {
    case 0:
      return undefined;
    case 1:
      return new Uint8Array(0);
    case 2:
      return bytes.slice(0, random.below(bytes.byteLength));
    case 3:
      return Buffer.concat([bytes, other ?? bytes]);
    default: {
      const changed = bytes.slice();
      const at = random.below(changed.byteLength);
      changed[at] = (changed[at] ?? 0) ^ (1 + random.below(255));
      return changed;
    }
  }
}

/** The keys of all objects that the journal says must be in each mirror, but for the markers. */
async function named(world: SimWorld): Promise<readonly string[]> {
  return world.fromMirrors(async (repository) =>
    (await expectedObjects(repository))
      .filter(({ key, mayBeMissing }) => key !== 'mirror' && mayBeMissing !== true)
      .map(({ key }) => key),
  );
}

/** All of them, in an order that chance gives. */
function drawn<T>(all: readonly T[], random: SeededRandom): readonly T[] {
  const left = [...all];
  return all.flatMap(() => left.splice(random.below(left.length), 1));
}
