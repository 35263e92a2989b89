import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoriesSync, toHex, type PackName } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { type ChunkTable, decodeChunkTable } from '../format/index.ts';
import { FileJournal } from '../journal/index.ts';
import { SharedIndex } from '../workers/index.ts';
import { indexPack } from './chunk-reader.ts';
import { IndexCover } from './index-cover.ts';
import { type IndexImage, loadIndexImage, saveIndexImage } from './index-file.ts';
import { decodeLoggedPack, encodeLoggedPack, type LoggedPack } from './pack-log.ts';
import { readPackDirectory } from './pack-directory.ts';
import type { PackInfo } from './pack-list.ts';
import type { Repository } from './repository.ts';
import { type ImageTie, saveState } from './state-file.ts';

/** Pack tables fetched at once when the index is made anew. */
const tablesAtOnce = 8;
/** More chunks than this that are not in the saved image are worth saving it again. */
const unsavedChunksMax = 10_000;

export const statePathIn = (cacheDir: string): string => join(cacheDir, 'state.bin');
const recentPathIn = (cacheDir: string): string => join(cacheDir, 'recent-packs.log');
const imagePathIn = (cacheDir: string): string => join(cacheDir, 'index.bin');

/**
 * The index of a repository and which packs it holds: the saved image if it belongs to the saved
 * state, then the tables of all other packs. A pack whose table no mirror has whole is reported and
 * left out, and so is a pack that is lost: their chunks count as not there, and everything else
 * works.
 */
export async function loadIndex(
  repository: Repository,
  tie: ImageTie | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly index: SharedIndex; readonly cover: IndexCover }> {
  const saved = tie && loadUsableImage(repository, tie);
  const index = SharedIndex.create(saved?.image);
  const cover = new IndexCover(saved?.packCount, saved && tie?.leftOut);
  const { state, lostPacks } = repository;
  const { packs } = state;
  const numbers = cover.missing(packs.count).values();
  const recent = await readRecentPacks(repository.cacheDir);
  const lane = async (): Promise<void> => {
    for (const number of numbers) {
      const pack = packs.at(number);
      if (pack === undefined || packs.lifeOf(pack.name) === 'swept') continue;
      if (lostPacks.has(pack.name)) continue;
      signal?.throwIfAborted();
      const table = await tableOf(pack, recent, repository, signal);
      if (table === undefined) continue;
      indexPack(index, number, table);
      cover.add(number);
    }
  };
  await Promise.all(Array.from({ length: tablesAtOnce }, lane));
  return { index, cover };
}

/** The saved image, unless it holds chunks of packs that are lost by now. */
function loadUsableImage(repository: Repository, tie: ImageTie): IndexImage | undefined {
  const image = loadIndexImage(imagePathIn(repository.cacheDir), tie.generation);
  if (image === undefined) return undefined;
  const cover = new IndexCover(image.packCount, tie.leftOut);
  for (const name of repository.lostPacks) {
    const number = repository.state.packs.numberOf(name);
    if (number !== undefined && cover.has(number)) return undefined;
  }
  return image;
}

/** From the local cache or a mirror; undefined, which is reported, if no mirror has it whole. */
async function tableOf(
  pack: PackInfo,
  recent: ReadonlyMap<PackName, LoggedPack>,
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<ChunkTable | undefined> {
  const logged = recent.get(pack.name);
  if (logged) return decodeChunkTable(logged.table, logged.tableOffset);
  const { mirrors, keys, id } = repository;
  try {
    return (await readPackDirectory(pack, { mirrors, keys, repository: id }, signal)).table;
  } catch (error) {
    // Whoever only reads can do without; whoever writes would store everything again.
    if (repository.readOnly && isVersionsError(error) && error.code === 'OBJECT_ARCHIVED') {
      repository.archivedPacks.add(pack.name);
      return undefined;
    }
    if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
    // To read, it matters only where something is needed from it; verify looks for what is missing.
    const isGone = isVersionsError(error, 'NotFound') && repository.readOnly;
    const problem = unreadablePack(pack.name, error);
    if (isGone) repository.monitor.note(problem.message);
    else repository.monitor.problem(problem);
    return undefined;
  }
}

/**
 * Keeps what is new for the next start: a few packs as a list of their tables, many by saving state
 * and image anew, as one generation. Lost, it is made from the mirrors.
 */
export async function saveIndex(
  repository: Repository,
  index: SharedIndex,
  cover: IndexCover,
): Promise<void> {
  const { state, cacheDir, recentPacks } = repository;
  if (state.tip === undefined) return;
  makeDirectoriesSync(cacheDir);
  const few = index.tableCount <= Math.max(unsavedChunksMax, index.imageCount / 8);
  if (few && recentPacks.complete && repository.hasSavedState) {
    await appendRecentPacks(cacheDir, recentPacks.packs);
    return;
  }
  const generation = toHex(repository.random.bytes(16));
  const packCount = state.packs.count;
  // The image first: a state without its image merely makes the index be built again.
  saveIndexImage(imagePathIn(cacheDir), index.imagePieces(), { packCount, generation });
  // Packs of other clients that came with the journal while this one ran are not in the index.
  const leftOut = cover.missing(packCount);
  saveState(statePathIn(cacheDir), repository.id, state, { generation, leftOut });
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
