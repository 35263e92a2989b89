import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PackName, SessionId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeChunkTable, type PackRecord } from '../format/index.ts';
import { FileJournal } from '../journal/index.ts';
import type { Mirror } from '../mirror/index.ts';
import { copyMissing } from './behind-mirrors.ts';
import { packKey } from './object-keys.ts';
import { decodeLoggedPack } from './pack-log.ts';
import type { Repository } from './repository.ts';
import { packLogName } from './write-session.ts';

/** A directory without a log and younger than this may be that of a process that begins. */
const beginningMs = 3_600_000;

/**
 * Puts the packs of a session that died into the journal: they had reached the quorum. What a
 * mirror had not got by then is noted as a debt; a pack that is nowhere any more is left out.
 * Returns false if the session's process is alive. The index must be loaded.
 */
export async function recoverPacks(
  repository: Repository,
  session: SessionId,
  directory: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const path = join(directory, packLogName);
  if (!existsSync(path) && !isForsaken(directory, repository.clock.now())) return false;
  let log: FileJournal;
  try {
    // Also where there is no log yet: by a clock that was set, a process that begins may seem to
    // have died long ago, and it holds the lock.
    log = await FileJournal.open(path);
  } catch (error) {
    if (isVersionsError(error, 'Conflict')) return false;
    throw error;
  }
  await using open = log;
  const { state } = repository;
  const packs: PackRecord[] = [];
  for await (const record of open.records()) {
    const logged = decodeLoggedPack(record);
    if (logged === undefined || state.packs.lifeOf(logged.pack.name) === 'swept') continue;
    const pack = { ...logged.pack, salt: new Uint8Array(logged.pack.salt) };
    const { tableOffset } = logged;
    const table = new Uint8Array(logged.table);
    if (state.packs.numberOf(pack.name) === undefined) {
      if (!(await noteCopies(repository, pack.name, signal))) continue;
      packs.push(pack);
    }
    repository.recentPacks.add({ pack, table, tableOffset });
    repository.indexPack(state.packs.add(pack), decodeChunkTable(table, tableOffset));
  }
  if (packs.length > 0 || state.openSessions.has(session)) {
    await repository.debts.record(repository.catalog);
    await repository.log.append(
      () => [
        ...(packs.length > 0 ? [{ type: 'packs', session, packs } as const] : []),
        { type: 'end', session },
      ],
      { signal },
    );
  }
  return true;
}

/** It died before it had stored anything, unless it is only about to begin. */
function isForsaken(directory: string, now: number): boolean {
  const changed = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.abs(now - changed) > beginningMs;
}

/** Which mirrors lack the pack? That is owed to them. False if all of them do. */
async function noteCopies(
  { mirrors, debts }: Repository,
  name: PackName,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const lacking: Mirror[] = [];
  for (const mirror of mirrors.mirrors) {
    try {
      if ((await mirror.store.head(packKey(name), { signal })) === undefined) lacking.push(mirror);
    } catch (error) {
      // Nobody knows: it was stored once, and verify will tell.
      if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
    }
  }
  if (lacking.length === mirrors.mirrors.length) return false;
  for (const mirror of lacking)
    debts.add(packKey(name), mirror.id, copyMissing(mirror, packKey(name)));
  debts.stored(packKey(name));
  return true;
}
