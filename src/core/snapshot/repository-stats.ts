import type { Repository } from '../repository/index.ts';

export interface MirrorStats {
  readonly name: string;
  readonly id: string | undefined;
  readonly present: boolean;
}

export interface RepositoryStats {
  readonly snapshots: number;
  readonly packs: number;
  readonly packBytes: number;
  readonly chunks: number;
  readonly journalEntries: number;
  readonly mirrors: readonly MirrorStats[];
}

/** How much there is, from the catalog alone: no pack is read. */
export function repositoryStats(repository: Repository): RepositoryStats {
  const { state, mirrors } = repository;
  const packs = state.packs.all().filter(({ name }) => state.packs.lifeOf(name) !== 'swept');
  return {
    snapshots: state.snapshots.size,
    packs: packs.length,
    packBytes: packs.reduce((sum, { bytes }) => sum + bytes, 0),
    chunks: packs.reduce((sum, { chunkCount }) => sum + chunkCount, 0),
    journalEntries: state.tip?.number ?? 0,
    mirrors: [
      ...mirrors.mirrors.map(({ name, id }) => ({ name, id, present: true })),
      ...mirrors.absent.map(({ name }) => ({ name, id: undefined, present: false })),
    ],
  };
}
