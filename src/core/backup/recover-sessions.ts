import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex, isHex16, type SessionId } from '../base/index.ts';
import { errorMessage, isVersionsError } from '../errors/index.ts';
import { joinPath } from '../files/index.ts';
import { decodeEntry } from '../format/index.ts';
import { FileJournal } from '../journal/index.ts';
import { recoverPacks, type Repository } from '../repository/index.ts';
import { TreeReader } from '../snapshot/index.ts';
import { isStale } from './fingerprint.ts';
import type { LocalState } from './local-state.ts';
import { decodeResults, resultLogNames, type FileResult } from './results.ts';

/** In the directory of a session: the source that it saves. */
const sourceName = 'source';

export function writeSource(directory: string, source: Uint8Array): void {
  writeFileSync(join(directory, sourceName), Buffer.from(source).toString('hex'), { mode: 0o600 });
}

/**
 * Takes up what runs that died have left: their packs go into the journal, and the files they had
 * finished are remembered, so that they are not read again. Sessions of processes that are alive
 * hold their logs, and are left alone.
 */
export async function recoverSessions(
  repository: Repository,
  state: LocalState,
  signal?: AbortSignal,
): Promise<void> {
  const recovered: string[] = [];
  for (const name of sessionNames(repository.sessionsDirectory)) {
    const directory = join(repository.sessionsDirectory, name);
    await attempt(repository, directory, async () => {
      if (await recoverPacks(repository, name, directory, signal)) recovered.push(directory);
    });
  }
  // Behind the packs of all sessions, because a file of one may have chunks in packs of another.
  for (const directory of recovered) {
    await attempt(repository, directory, async () => {
      await rememberResults(repository, directory, state, signal);
      rmSync(directory, { recursive: true, force: true });
    });
  }
}

/**
 * Remembers the files that a session had finished, each only if all of its chunks are stored: a
 * chunk that another worker had claimed may have died with it.
 */
export async function rememberResults(
  repository: Repository,
  directory: string,
  state: LocalState,
  signal?: AbortSignal,
): Promise<void> {
  const source = readSource(directory);
  if (source === undefined) return;
  const trees = new TreeReader(await repository.chunks(signal), signal);
  for (const name of resultLogNames) {
    const path = join(directory, name);
    if (!existsSync(path)) continue;
    await using log = await FileJournal.open(path);
    for await (const record of log.records()) {
      const finished: FileResult[] = [];
      for (const result of decodeResults(record)) {
        if (await isFinished(result, trees, repository)) finished.push(result);
      }
      remember(state, source, finished);
    }
  }
}

function remember(state: LocalState, source: Uint8Array, finished: readonly FileResult[]): void {
  state.begin();
  try {
    for (const { directory, name, fingerprint, entry } of finished) {
      state.putResumed(source, { name, path: joinPath(directory, name), fingerprint, entry });
    }
    state.save();
  } catch (error) {
    state.rollback();
    throw error;
  }
}

async function isFinished(
  { outcome, fingerprint, entry: encoded }: FileResult,
  trees: TreeReader,
  { index }: Repository,
): Promise<boolean> {
  if (outcome !== 'stored' || isStale(fingerprint)) return false;
  const entry = decodeEntry(encoded);
  if (entry.xattrsRef && !index.locate(entry.xattrsRef)) return false;
  try {
    for await (const { id } of trees.content(entry)) if (!index.locate(id)) return false;
    return true;
  } catch (error) {
    if (isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) return false;
    throw error;
  }
}

/** What cannot be taken up stops no backup: it is only read and stored again. */
async function attempt(
  { monitor }: Repository,
  directory: string,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    const isLocal = error instanceof Error && 'errcode' in error;
    if (!isLocal && !isVersionsError(error, 'Conflict', 'Corrupt', 'Unsupported')) throw error;
    monitor.note(
      `What an interrupted run left in ${directory} was not used: ${errorMessage(error)}`,
    );
  }
}

function readSource(directory: string): Uint8Array | undefined {
  const path = join(directory, sourceName);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'latin1');
  return isHex16(text) ? fromHex(text) : undefined;
}

function sessionNames(directory: string): readonly SessionId[] {
  if (!existsSync(directory)) return [];
  // Only names of sessions; anything else is not ours.
  return readdirSync(directory).filter((name): name is SessionId => isHex16(name));
}
