import { byteStringFromText, displayPath } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { type Context, packKey, type Repository } from '../repository/index.ts';
import { checkStructure, type StructureLoss } from './check-structure.ts';

type Reporting = Pick<Context, 'monitor' | 'signal'>;

/** So many losses wait until it is known whether they can be mended; the rest counts as lost. */
const waitingMax = 100_000;

/** What the snapshots have lost, as far as mirrors can be read now. */
export interface Losses {
  readonly waiting: readonly StructureLoss[];
  /** Those that were reported at once, because there are too many. */
  readonly reported: number;
}

export const noLosses: Losses = { waiting: [], reported: 0 };

/** Walks the trees of all snapshots. */
export async function findLosses(
  repository: Repository,
  { monitor, signal }: Reporting,
): Promise<Losses> {
  const waiting: StructureLoss[] = [];
  let reported = 0;
  const take = (loss: StructureLoss): void => {
    if (waiting.length < waitingMax) waiting.push(loss);
    else {
      reported += 1;
      monitor.problem(incomplete(loss));
    }
  };
  await checkStructure(repository, take, signal);
  return { waiting, reported };
}

/**
 * Reports what waits. If packs can be put together, what cannot be read now will be after healing;
 * then nothing of it counts as lost. Returns how many things do.
 */
export function reportFound(
  { waiting, reported }: Losses,
  isMendable: boolean,
  { monitor }: Reporting,
): number {
  for (const loss of waiting) monitor.problem(isMendable ? unreadable(loss) : incomplete(loss));
  return reported + (isMendable ? 0 : waiting.length);
}

/** Walks the trees of all snapshots and reports what they have lost; how many things that are. */
export async function reportLosses(repository: Repository, context: Reporting): Promise<number> {
  return reportFound(await findLosses(repository, context), false, context);
}

/**
 * Keys of lost packs that nothing needs any more, because what was in them has been stored again:
 * their loss is over. None, if any snapshot still lacks something.
 */
export function supersededPacks(repository: Repository, losses: Losses): ReadonlySet<string> {
  const isOver = losses.reported + losses.waiting.length === 0;
  return new Set(isOver ? [...repository.lostPacks].map(packKey) : []);
}

function incomplete(loss: StructureLoss): VersionsError {
  const message = `${snapshotOf(loss)} has lost ${pathOf(loss)}: ${loss.reason}`;
  return new VersionsError('Corrupt', 'SNAPSHOT_INCOMPLETE', message, {
    hint: 'Bring back a mirror that has it and run `versions heal`, or save the files again with `versions backup`; other snapshots and files are not concerned',
  });
}

function unreadable(loss: StructureLoss): VersionsError {
  const message = `${snapshotOf(loss)} cannot give ${pathOf(loss)} before damaged packs are put together: ${loss.reason}`;
  return new VersionsError('Corrupt', 'SNAPSHOT_UNREADABLE', message, {
    hint: 'Run "versions heal --level data"',
  });
}

function snapshotOf({ snapshot }: StructureLoss): string {
  return `Snapshot ${snapshot.id.slice(0, 8)}`;
}

function pathOf({ path }: StructureLoss): string {
  return displayPath(byteStringFromText(path));
}
