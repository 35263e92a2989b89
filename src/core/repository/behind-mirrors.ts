import type { EntryRow } from '../catalog/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { partsOfCheckpoint } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { BehindMirror } from './mirror-history.ts';
import { checkpointKey, entryKey, packKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

/**
 * Gives mirrors the journal entries that they lack, and notes which packs of those entries they
 * lack too: as debts, in the ledger, before the entries that show it are there. A mirror lacks
 * something because a run was killed while it was on its way there, because it was out of reach,
 * or because it was brought back from an older copy; the last two are reported.
 *
 * Throws only if fewer mirrors than must hold every entry could be given them.
 */
export async function catchUpMirrors(
  repository: Repository,
  behind: readonly BehindMirror[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mirrors, monitor } = repository;
  let complete = mirrors.mirrors.length - behind.length;
  let failure: VersionsError | undefined;
  for (const found of behind) {
    try {
      await catchUpMirror(repository, found, signal);
      complete += 1;
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied', 'Corrupt', 'NotFound')) throw error;
      failure = error;
      monitor.note(`Mirror ${found.mirror.name} still lacks journal entries: ${error.message}`);
    }
  }
  if (failure !== undefined && complete < mirrors.mirrorsMin) throw failure;
}

async function catchUpMirror(
  repository: Repository,
  { mirror, missing, isOlder }: BehindMirror,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { log, debts, catalog, clock } = repository;
  const rows = isOlder ? await rowsLacking(repository, mirror, signal) : missing;
  const packs = isOlder ? await keysOf(mirror, 'packs/', signal) : undefined;
  let owed = 0;
  for (const row of rows) {
    for (const key of await packKeysOf(repository, row)) {
      const isThere = packs?.has(key) ?? (await mirror.store.head(key, { signal })) !== undefined;
      if (isThere) continue;
      owed += 1;
      debts.add(key, mirror.id, copyMissing(mirror, key));
    }
  }
  await debts.record(catalog);
  if (isOlder || owed > 0) reportBehind(repository, mirror, { entries: rows.length, packs: owed });
  for (const row of rows) {
    const key = entryKey(row.lineage, row.number, row.hash);
    try {
      await log.storeIn(mirror, row, signal);
    } catch (error) {
      // What this run goes on to commit is not whole there either.
      if (isVersionsError(error)) debts.add(key, mirror.id, error);
      throw error;
    }
    await catalog.ledger.setState(key, mirror.id, 'stored', clock.now());
  }
}

/** All rows of the catalog that a mirror does not list. */
async function rowsLacking(
  { log }: Repository,
  mirror: Mirror,
  signal: AbortSignal | undefined,
): Promise<readonly EntryRow[]> {
  const listed = await keysOf(mirror, 'journal/', signal);
  const rows: EntryRow[] = [];
  for await (const row of log.rows(0)) {
    if (!listed.has(entryKey(row.lineage, row.number, row.hash))) rows.push(row);
  }
  return rows;
}

async function keysOf(
  mirror: Mirror,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for await (const { key } of mirror.store.list(prefix, { signal })) keys.add(key);
  return keys;
}

async function packKeysOf({ log, state }: Repository, row: EntryRow): Promise<readonly string[]> {
  const records = await log.recordsOf(row);
  return records.flatMap((record) => {
    if (record.type === 'checkpoint') {
      return partsOfCheckpoint(record).map(({ name }) => checkpointKey(name));
    }
    const packs = record.type === 'packs' ? record.packs : [];
    return packs
      .filter(({ name }) => state.packs.lifeOf(name) !== 'swept')
      .map(({ name }) => packKey(name));
  });
}

function reportBehind(
  { mirrors, monitor }: Repository,
  mirror: Mirror,
  lacking: { readonly entries: number; readonly packs: number },
): void {
  monitor.finding({
    kind: 'stale',
    mirror: mirror.name,
    object: '',
    healable: mirrors.mirrors.length > 1,
    detail: `It lacked journal entries (${lacking.entries}) and lacks packs (${lacking.packs}) that were stored: it was out of reach, or is an older copy`,
  });
}

/** The copy of an object that the journal says was stored is not in a mirror. */
export function copyMissing(mirror: Mirror, key: string): VersionsError {
  return new VersionsError('Corrupt', 'COPY_MISSING', `Mirror ${mirror.name} lacks ${key}`, {
    context: { mirror: mirror.name, key },
  });
}
