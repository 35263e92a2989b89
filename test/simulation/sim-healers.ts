import {
  addMirror,
  applyRemoval,
  applySync,
  type CollectingMonitor,
  membersOf,
  planRemoval,
  planSync,
  type RemovalPlan,
  runHeal,
  verifyKeyless,
  type VersionsError,
} from '../../src/core/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimMirror } from './sim-mirror.ts';
import { noTrouble, type Trouble } from './sim-trouble.ts';
import type { Ended, SimMachine, SimWorld } from './sim-world.ts';

/** What the simulation lets happen to mirrors that are healed, removed and added. */
export interface Hands {
  readonly world: SimWorld;
  readonly random: SeededRandom;
  /** The machine that writes, and can. */
  readonly owner: SimMachine;
  /** Changes something and saves it; throws unless that is done, or there is a reason. */
  readonly save: (trouble?: Trouble) => Promise<void>;
  readonly note: (machine: SimMachine, ended: Ended<unknown>) => void;
  /** For people who read how something came about. */
  readonly tell: (what: string) => void;
}

/** What a healer says at its end. */
export interface Healed {
  /** Copies that are as they were. */
  readonly left: number;
  /** Objects that it believes to be gone for good. */
  readonly lost: number;
  readonly problems: readonly VersionsError[];
  /** Mirrors that it could not look at. */
  readonly unseen: readonly string[];
}

/** It has looked at everything and nothing is left: what `heal` ends with 0 for. */
export function saysAllIsGood({ left, lost, problems, unseen }: Healed): boolean {
  return left + lost + problems.length + unseen.length === 0;
}

/** Heals with keys, on the machine that writes. */
export function heal({ world, owner }: Hands, trouble: Trouble): Promise<Ended<Healed>> {
  const options = { level: 'data', dryRun: false, host: owner.name } as const;
  return world.act(owner, trouble, async (repository) => {
    const { summary, monitor } = await repository.use(false, (opened, context) =>
      runHeal(opened, options, context),
    );
    return healed(summary.left, summary.lost, monitor);
  });
}

/** Heals as somebody does who knows nothing but where the mirrors are. */
export function healWithoutKeys({ world }: Hands, trouble: Trouble): Promise<Ended<Healed>> {
  return world.act(world.addStranger(), trouble, async (_repository, monitor, doors) => {
    const places = await Promise.all(
      world.mirrors.map(async ({ name }) => ({ name, store: await doors.openStore(name, open) })),
    );
    const { clock } = world;
    const options = { level: 'data', monitor, clock, by: 'nobody' } as const;
    const summary = await verifyKeyless(places, { ...options, heal: { dryRun: false } });
    return healed(summary.healed?.left ?? 0, summary.healed?.lost.length ?? 0, monitor);
  });
}

function healed(left: number, lost: number, monitor: CollectingMonitor): Healed {
  const unseen = monitor.findings.filter(({ object }) => object === '' || object === 'mirror');
  return {
    left,
    lost,
    problems: monitor.problems,
    unseen: unseen.flatMap(({ kind, mirror }) => (kind === 'stale' ? [] : [mirror])),
  };
}

const open = { create: false, readOnly: false };

/** Pays what the journal says that the mirrors lack; the number of what is left. */
export function sync({ world, owner }: Hands, trouble: Trouble): Promise<Ended<number>> {
  return world.act(owner, trouble, (repository) =>
    repository
      .use(false, async (opened) => {
        let left = 0;
        for (const mirror of opened.mirrors.mirrors) {
          const plan = await planSync(opened, mirror);
          const summary = await applySync(opened, plan, { by: owner.name });
          left += summary.left + plan.damaged.length;
        }
        return left;
      })
      .then(({ summary }) => summary),
  );
}

/** It is in no configuration any more, whatever comes of it. */
export function remove(
  { world, owner }: Hands,
  { name }: SimMirror,
  trouble: Trouble,
  lost = false,
): Promise<Ended<RemovalPlan>> {
  world.leaveOut(name);
  return world.act(owner, trouble, (repository) =>
    repository
      .use(false, async (opened) => {
        const id = membersOf(opened).find((member) => member.name === name)?.id;
        const { mirrorsMin } = world;
        const plan = await planRemoval(opened, { name, id, mirrorsMin, lost });
        await applyRemoval(opened, plan);
        return plan;
      })
      .then(({ summary }) => summary),
  );
}

/** The place of a mirror that was removed; the number of objects that it lacks in the end. */
export function add(
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

/** Dies at some call, as likely as not at one that writes. */
export function dying(random: SeededRandom): Trouble {
  const killCalls = (['put ', 'append', ''] as const)[random.below(3)] ?? '';
  return { ...noTrouble, killAt: 1 + random.below(killCalls === '' ? 80 : 4), killCalls };
}

/** All of them, in an order that chance gives. */
export function drawn<T>(all: readonly T[], random: SeededRandom): readonly T[] {
  const left = [...all];
  return all.flatMap(() => left.splice(random.below(left.length), 1));
}
