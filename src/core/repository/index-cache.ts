import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toHex, type PackName } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeChunkTable } from '../format/index.ts';
import { FileJournal } from '../journal/index.ts';
import { SharedIndex } from '../workers/index.ts';
import { indexPack, readPackDirectory } from './chunk-reader.ts';
import { loadIndexImage, saveIndexImage } from './index-file.ts';
import { decodeLoggedPack, encodeLoggedPack, type LoggedPack } from './pack-log.ts';
import type { Repository } from './repository.ts';
import { saveState } from './state-file.ts';

/** Pack tables fetched at once when the index is made anew. */
const tablesAtOnce = 8;
/** More chunks than this that are not in the saved image are worth saving it again. */
const unsavedChunksMax = 10_000;

export const statePathIn = (cacheDir: string): string => join(cacheDir, 'state.bin');
const recentPathIn = (cacheDir: string): string => join(cacheDir, 'recent-packs.log');
const imagePathIn = (cacheDir: string): string => join(cacheDir, 'index.bin');

/**
 * The index of a repository: the saved image if it belongs to the saved state, then the tables of
 * the packs that are newer. A pack whose table no mirror has whole is reported and left out: its
 * chunks count as not there, and everything else works.
 */
export async function loadIndex(
  repository: Repository,
  generation: string | undefined,
  signal: AbortSignal | undefined,
): Promise<SharedIndex> {
  const saved =
    generation === undefined
      ? undefined
      : loadIndexImage(imagePathIn(repository.cacheDir), generation);
  const index = SharedIndex.create(saved?.image);
  const { packs } = repository.state;
  let next = saved?.packCount ?? 0;
  const recent = await readRecentPacks(repository.cacheDir);
  const lane = async (): Promise<void> => {
    for (let number = next++; number < packs.count; number = next++) {
      const pack = packs.at(number);
      if (pack === undefined || packs.lifeOf(pack.name) === 'swept') continue;
      signal?.throwIfAborted();
      const logged = recent.get(pack.name);
      if (logged) {
        indexPack(index, number, decodeChunkTable(logged.table, logged.tableOffset));
        continue;
      }
      try {
        const { table } = await readPackDirectory(
          pack,
          { mirrors: repository.mirrors, keys: repository.keys, repository: repository.id },
          signal,
        );
        indexPack(index, number, table);
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
        repository.indexIsComplete = false;
        repository.monitor.problem(unreadablePack(pack.name, error));
      }
    }
  };
  await Promise.all(Array.from({ length: tablesAtOnce }, lane));
  return index;
}

/**
 * Keeps what is new for the next start: a few packs as a list of their tables, many by saving state
 * and image anew, as one generation. Lost, it is made from the mirrors.
 */
export async function saveIndex(repository: Repository, index: SharedIndex): Promise<void> {
  const { state, cacheDir, recentPacks } = repository;
  // Saved without the chunks of a pack, it would hide them when the pack can be read again.
  if (state.tip === undefined || !repository.indexIsComplete) return;
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const few = index.tableCount <= Math.max(unsavedChunksMax, index.imageCount / 8);
  if (few && recentPacks.complete && repository.generation !== undefined) {
    await appendRecentPacks(cacheDir, recentPacks.packs);
    return;
  }
  const generation = toHex(repository.random.bytes(16));
  // The image first: a state without its image merely makes the index be built again.
  saveIndexImage(imagePathIn(cacheDir), index.imagePieces(), {
    packCount: state.packs.count,
    generation,
  });
  saveState(statePathIn(cacheDir), repository.id, state, generation);
  rmSync(recentPathIn(cacheDir), { force: true });
}

async function readRecentPacks(cacheDir: string): Promise<ReadonlyMap<PackName, LoggedPack>> {
  const recent = new Map<PackName, LoggedPack>();
  const path = recentPathIn(cacheDir);
  if (!existsSync(path)) return recent;
  try {
    await using log = await FileJournal.open(path, { readOnly: true });
    for await (const record of log.records()) {
      const logged = decodeLoggedPack(record);
      if (logged) recent.set(logged.pack.name, { ...logged, table: new Uint8Array(logged.table) });
    }
  } catch (error) {
    // Another process is at it, or it is damaged: the mirrors have the same.
    if (!isVersionsError(error)) throw error;
  }
  return recent;
}

async function appendRecentPacks(cacheDir: string, packs: readonly LoggedPack[]): Promise<void> {
  if (packs.length === 0) return;
  try {
    await using log = await FileJournal.open(recentPathIn(cacheDir));
    for (const pack of packs) log.append(encodeLoggedPack(pack));
    await log.sync();
  } catch (error) {
    if (!isVersionsError(error)) throw error;
  }
}

function unreadablePack(name: string, error: unknown): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PACK_TABLE_DAMAGED',
    `The table of pack ${name} cannot be read from any mirror: ${errorMessage(error)}`,
    { hint: 'Run "versions verify" to see what is lost', cause: error },
  );
}
