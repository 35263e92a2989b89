import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeChunkTable, type PackRecord } from '../format/index.ts';
import { FileJournal } from '../journal/index.ts';
import { indexPack } from './chunk-reader.ts';
import { decodeLoggedPack } from './pack-log.ts';
import type { Repository } from './repository.ts';
import { packLogName } from './write-session.ts';

/**
 * Puts the packs of a session that died into the journal: they had reached the quorum. Returns
 * false if the session's process is alive. The index must be loaded.
 */
export async function recoverPacks(
  repository: Repository,
  session: SessionId,
  directory: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const path = join(directory, packLogName);
  if (!existsSync(path)) {
    // It died before it had stored anything.
    rmSync(directory, { recursive: true, force: true });
    return true;
  }
  let log: FileJournal;
  try {
    log = await FileJournal.open(path);
  } catch (error) {
    if (isVersionsError(error, 'Conflict')) return false;
    throw error;
  }
  await using open = log;
  const { state, index } = repository;
  const packs: PackRecord[] = [];
  for await (const record of open.records()) {
    const logged = decodeLoggedPack(record);
    if (logged === undefined) continue;
    const { pack, table, tableOffset } = logged;
    if (state.packs.lifeOf(pack.name) === 'swept') continue;
    if (state.packs.numberOf(pack.name) === undefined)
      packs.push({ ...pack, salt: new Uint8Array(pack.salt) });
    const own = new Uint8Array(table);
    repository.recentPacks.add({
      pack: { ...pack, salt: new Uint8Array(pack.salt) },
      table: own,
      tableOffset,
    });
    indexPack(index, state.packs.add(pack), decodeChunkTable(own, tableOffset));
  }
  if (packs.length > 0 || state.openSessions.has(session)) {
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
