import type { LineageId, ObjectHash } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { EntryLog } from './entry-log.ts';
import { afterEntries, afterLineage, parseEntryKey } from './object-keys.ts';
import type { LineageStart } from './repository-state.ts';

/** Lineages in one journal: far more than any repository ever has. */
const lineagesMax = 10_000;

/** What looking into a mirror's journal needs. */
export interface Look {
  readonly log: EntryLog;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Before a client writes it looks whether a mirror knows more of the journal than its catalog does:
 * entries of its own lineage that the catalog lacks are brought in; an entry of another lineage
 * that the catalog does not know, or a second entry with the number of one it has, means that two
 * histories exist, and writing is refused. The last entry is stored where it is missing.
 *
 * Only entries that a holder of the keys has written count. Others are reported and passed over:
 * whoever can write into a mirror must not be able to stop a backup with a file.
 *
 * Costs a list call for each lineage and one more, whatever the length of the journal.
 */
export async function reconcileHistory(
  mirror: Mirror,
  lineages: readonly LineageStart[],
  look: Look,
): Promise<void> {
  const { log, signal } = look;
  if (await hasForeignLineage(mirror, lineages, look)) throw foreignLineage(mirror);
  const { tip } = log;
  if (tip === undefined) return;
  let tipStored = false;
  const after = afterEntries(tip.lineage, tip.number - 1);
  for await (const { key } of mirror.store.list(`journal/${tip.lineage}/`, { after, signal })) {
    const place = parseEntryKey(key);
    if (place === undefined) continue;
    if (place.number === tip.number && place.hash === tip.hash) {
      tipStored = true;
      continue;
    }
    const bytes = await readAuthentic(mirror, key, place.hash, look);
    if (bytes === undefined) continue;
    const current = log.tip ?? tip;
    if (place.number <= current.number) throw forkedHistory(mirror, place.number);
    if (place.number === current.number + 1) await log.bringIn({ ...place, bytes });
  }
  if (!tipStored) await log.finishTip(mirror, signal);
}

/** Takes entries of the log's own lineage that a mirror has beyond its tip into the state. */
export async function takeInNewer(mirror: Mirror, look: Look): Promise<void> {
  const { log, signal } = look;
  const { tip } = log;
  if (tip === undefined) return;
  const after = afterEntries(tip.lineage, tip.number);
  for await (const { key } of mirror.store.list(`journal/${tip.lineage}/`, { after, signal })) {
    const place = parseEntryKey(key);
    if (place?.number !== (log.tip?.number ?? 0) + 1) continue;
    const bytes = await readAuthentic(mirror, key, place.hash, look);
    if (bytes !== undefined) await log.takeIn({ ...place, bytes });
  }
}

/** Has a holder of the keys written entries of a lineage that is not among `lineages`? */
export async function hasForeignLineage(
  mirror: Mirror,
  lineages: readonly LineageStart[],
  look: Look,
): Promise<boolean> {
  const known = new Set(lineages.map(({ lineage }) => lineage));
  for (const lineage of await lineagesOf(mirror, look.signal)) {
    if (known.has(lineage)) continue;
    for await (const { key } of mirror.store.list(`journal/${lineage}/`, { signal: look.signal })) {
      const place = parseEntryKey(key);
      if (place && (await readAuthentic(mirror, key, place.hash, look))) return true;
    }
  }
  return false;
}

/** The lineages that have entries in a mirror: one list call each, since the rest is skipped. */
async function lineagesOf(mirror: Mirror, signal?: AbortSignal): Promise<readonly LineageId[]> {
  const lineages: LineageId[] = [];
  let after = '';
  while (lineages.length < lineagesMax) {
    let found: LineageId | undefined;
    for await (const { key } of mirror.store.list('journal/', { after, signal })) {
      found = parseEntryKey(key)?.lineage;
      if (found !== undefined) break;
    }
    if (found === undefined) break;
    lineages.push(found);
    after = afterLineage(found);
  }
  return lineages;
}

/** The bytes of an entry that a holder of the keys has written; anything else is reported. */
async function readAuthentic(
  mirror: Mirror,
  key: string,
  hash: ObjectHash,
  { log, monitor, signal }: Look,
): Promise<Uint8Array | undefined> {
  const bytes = await mirror.store.get(key, { signal });
  if (objectHashOf(bytes) === hash && log.isAuthentic(bytes)) return bytes;
  monitor.problem(
    new VersionsError(
      'Corrupt',
      'ENTRY_FORGED',
      `The journal entry ${key} of mirror ${mirror.name} was not written by a holder of the repository's keys, or is damaged; it was passed over`,
      {
        hint: 'Run "versions verify"; if nobody should write there but you, see docs/threat-model.md',
      },
    ),
  );
  return undefined;
}

function foreignLineage(mirror: Mirror): VersionsError {
  return new VersionsError(
    'Conflict',
    'FOREIGN_LINEAGE',
    `Mirror ${mirror.name} has a history that this machine does not know: another machine has taken the repository over`,
    {
      hint: 'To write from this machine again: "versions connect --take-over" with the same mirrors',
      context: { mirror: mirror.name },
    },
  );
}

function forkedHistory(mirror: Mirror, number: number): VersionsError {
  return new VersionsError(
    'Conflict',
    'HISTORY_FORKED',
    `Mirror ${mirror.name} has another journal entry ${number} than this machine's catalog: the catalog was copied or restored and used twice`,
    {
      hint: 'Make the catalog anew from the mirrors: "versions connect --take-over"',
      context: { mirror: mirror.name, number },
    },
  );
}
