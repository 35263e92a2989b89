import { createHash } from 'node:crypto';
import type { Repository } from '../repository/index.ts';
import { LocalState } from './local-state.ts';

/**
 * The local state, if the journal still holds the entry after which it was saved, and no pack that
 * it may have been built upon is out of reach; else an empty one. The index must be loaded.
 */
export async function openLocalState(repository: Repository): Promise<LocalState> {
  const state = LocalState.open(repository.localStatePath);
  const saved = state.savedAfter();
  if (saved === undefined) return state;
  const without = packsOutOfReach(repository);
  const fits = without === '' || without === state.madeWithout();
  if (!fits || !(await repository.holdsEntry(saved))) state.clear();
  return state;
}

/** Names the packs whose chunks count as not stored; the empty string if there are none. */
export function packsOutOfReach({ packsNotIndexed }: Repository): string {
  if (packsNotIndexed.length === 0) return '';
  return createHash('sha256').update(packsNotIndexed.toSorted().join()).digest('hex');
}
