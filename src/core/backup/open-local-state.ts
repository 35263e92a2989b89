import type { Repository } from '../repository/index.ts';
import { LocalState } from './local-state.ts';

/**
 * The local state, if the journal still holds the entry after which it was saved and nothing was
 * condemned or swept since, and every pack's table could be read; else an empty one.
 */
export async function openLocalState(repository: Repository): Promise<LocalState> {
  const state = LocalState.open(repository.localStatePath);
  const saved = state.savedAfter();
  // With chunks missing nothing may pass as unchanged unread: what is lost is stored again.
  const usable =
    saved !== undefined && repository.indexIsComplete && (await repository.holdsEntry(saved));
  if (saved !== undefined && !usable) state.clear();
  return state;
}
