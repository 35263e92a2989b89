import type { Repository } from '../repository/index.ts';
import { LocalState } from './local-state.ts';

/**
 * The local state, if the journal still holds the entry after which it was saved and nothing was
 * condemned or swept since; else an empty one.
 */
export async function openLocalState(repository: Repository): Promise<LocalState> {
  const state = LocalState.open(repository.localStatePath);
  const saved = state.savedAfter();
  if (saved !== undefined && !(await repository.holdsEntry(saved))) state.clear();
  return state;
}
