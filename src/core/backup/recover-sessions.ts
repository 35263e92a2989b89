import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isHex16, type SessionId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { joinPath } from '../files/index.ts';
import { FileJournal } from '../journal/index.ts';
import { recoverPacks, type Repository } from '../repository/index.ts';
import type { LocalState } from './local-state.ts';
import { decodeResults, resultLogNames } from './results.ts';

/**
 * Takes up what runs that died have left: their packs go into the journal, and the files they had
 * finished are remembered, so that they are not read again. Sessions of processes that are alive
 * hold their logs, and are left alone.
 */
export async function recoverSessions(
  repository: Repository,
  state: LocalState,
  source: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  for (const name of sessionNames(repository.sessionsDirectory)) {
    const directory = join(repository.sessionsDirectory, name);
    try {
      const recovered = await recoverPacks(repository, name, directory, signal);
      if (!recovered) continue;
      await recoverResults(directory, state, source);
      rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      if (!isVersionsError(error, 'Conflict', 'Corrupt', 'Unsupported')) throw error;
    }
  }
}

async function recoverResults(
  directory: string,
  state: LocalState,
  source: Uint8Array,
): Promise<void> {
  state.begin();
  for (const name of resultLogNames) {
    const path = join(directory, name);
    if (!existsSync(path)) continue;
    await using log = await FileJournal.open(path);
    for await (const record of log.records()) {
      for (const { directory: parent, name: file, fingerprint, outcome, entry } of decodeResults(
        record,
      )) {
        if (outcome !== 'stored') continue;
        const filePath = joinPath(parent, file);
        state.putResumed(source, { name: file, path: filePath, fingerprint, entry });
      }
    }
  }
  state.save();
}

function sessionNames(directory: string): readonly SessionId[] {
  if (!existsSync(directory)) return [];
  // Only names of sessions; anything else is not ours.
  return readdirSync(directory).filter((name): name is SessionId => isHex16(name));
}
