import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLineageId, isObjectHash, replaceFileSync, type RepositoryId } from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import type { Repository } from './repository.ts';

/** Where this machine remembers the highest journal entry that it has seen. */
export const highestEntryName = 'highest-entry';

/**
 * Throws `Conflict` (HISTORY_ROLLED_BACK) if this machine has seen an entry that the history, as
 * catalog and mirrors give it now, neither holds nor has taken in: all of them together were put
 * back to an older state, and to go on would begin a second history beside the first. To be called
 * when everything that the mirrors know has been brought in.
 */
export async function assertNotRolledBack(repository: Repository): Promise<void> {
  const { state, cacheDir, id } = repository;
  const seen = readHighest(cacheDir, id);
  const { tip } = state;
  if (seen === undefined || tip === undefined) return;
  if (seen.hash === tip.hash || state.merged.has(seen.hash)) return;
  const isHeld =
    seen.number < tip.number &&
    (await repository.holdsEntry(`${seen.lineage}/${seen.number}/${seen.hash}`));
  if (!isHeld) throw rolledBack(seen, tip);
}

/** For a machine that only reads: it goes on, and is told. */
export function noteRolledBack({ state, cacheDir, id, monitor }: Repository): void {
  const seen = readHighest(cacheDir, id);
  if (seen === undefined || state.tip === undefined || seen.number <= state.tip.number) return;
  monitor.note(rolledBack(seen, state.tip).message);
}

/** Remembers where the history ends, unless an entry beyond that is remembered. Never fails. */
export function rememberHighest({ state, cacheDir, id }: Repository): void {
  const { tip } = state;
  if (tip === undefined) return;
  const seen = readHighest(cacheDir, id);
  if (seen !== undefined && (seen.hash === tip.hash || seen.number > tip.number)) return;
  const path = join(cacheDir, highestEntryName);
  try {
    replaceFileSync(path, `${id} ${tip.lineage} ${tip.number} ${tip.hash}\n`);
  } catch (error) {
    // A full disk, or a cache that may only be read: what is not remembered is merely not noticed.
    if (systemErrorCode(error) === undefined) throw error;
  }
}

function readHighest(cacheDir: string, repository: RepositoryId): Tip | undefined {
  let text: string;
  try {
    text = readFileSync(join(cacheDir, highestEntryName), 'latin1');
  } catch {
    return undefined;
  }
  const [id, lineage = '', number = '', hash = ''] = text.trim().split(' ');
  const isWhole =
    id === repository && isLineageId(lineage) && isObjectHash(hash) && /^\d{1,15}$/.test(number);
  return isWhole ? { lineage, number: Number(number), hash } : undefined;
}

function rolledBack(seen: Tip, tip: Tip): VersionsError {
  const where =
    seen.number > tip.number ? `end at entry ${tip.number}` : 'have another entry of that number';
  return new VersionsError(
    'Conflict',
    'HISTORY_ROLLED_BACK',
    `This machine has seen journal entry ${seen.number} of the repository, but its catalog and all mirrors that are here ${where}: they were put back to an older state`,
    {
      hint: 'Bring back a mirror or the catalog that has the rest; if that is lost for good, "versions catalog rebuild" goes on from what is here',
      context: { seen: seen.number, tip: tip.number },
    },
  );
}
