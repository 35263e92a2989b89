import type { StructureLoss } from './check-structure.ts';
import { checkStructure } from './check-structure.ts';
import { packKey, type Repository } from '../repository/index.ts';

const none: ReadonlySet<string> = new Set();

/**
 * Keys of lost packs that nothing needs any more, because what was in them has been stored again:
 * their loss is over. None, if any snapshot still lacks something.
 */
export async function supersededPacks(
  repository: Repository,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const { lostPacks } = repository;
  if (lostPacks.size === 0) return none;
  const losses: StructureLoss[] = [];
  await repository.loadIndex(signal);
  await checkStructure(repository, (loss) => losses.push(loss), signal);
  return losses.length > 0 ? none : new Set([...lostPacks].map(packKey));
}
