import type { LineageId, ObjectHash } from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { EntryLog } from './entry-log.ts';
import { afterEntries, afterLineage, parseEntryKey } from './object-keys.ts';
import type { LineageStart } from './repository-state.ts';

/** Lineages in one journal: far more than any repository ever has. */
const lineagesMax = 10_000;

/**
 * Before a client writes it looks whether a mirror knows more of the journal than its catalog does:
 * entries of its own lineage that the catalog lacks are brought in; an entry of another lineage
 * that the catalog does not know, or a second entry with the number of one it has, means that two
 * histories exist, and writing is refused. The last entry is stored where it is missing.
 *
 * Costs a list call for each lineage and one more, whatever the length of the journal.
 */
export async function reconcileHistory(
  mirror: Mirror,
  log: EntryLog,
  lineages: readonly LineageStart[],
  signal?: AbortSignal,
): Promise<void> {
  const known = new Set(lineages.map(({ lineage }) => lineage));
  for (const lineage of await lineagesOf(mirror, signal)) {
    if (!known.has(lineage)) throw foreignLineage(mirror, lineage);
  }
  const { tip } = log;
  if (tip === undefined) return;
  let tipStored = false;
  const after = afterEntries(tip.lineage, tip.number - 1);
  for await (const { key } of mirror.store.list(`journal/${tip.lineage}/`, { after, signal })) {
    const place = parseEntryKey(key);
    if (place === undefined) continue;
    const current: Tip = log.tip ?? tip;
    if (place.number === tip.number && place.hash === tip.hash) tipStored = true;
    else if (place.number <= current.number) throw forkedHistory(mirror, place.number);
    else await bringIn(mirror, log, key, signal);
  }
  if (!tipStored) await log.finishTip(mirror, signal);
}

/** Takes entries of the log's own lineage that a mirror has beyond its tip into the state. */
export async function takeInNewer(
  mirror: Mirror,
  log: EntryLog,
  signal?: AbortSignal,
): Promise<void> {
  const { tip } = log;
  if (tip === undefined) return;
  const after = afterEntries(tip.lineage, tip.number);
  for await (const { key } of mirror.store.list(`journal/${tip.lineage}/`, { after, signal })) {
    const place = parseEntryKey(key);
    if (place?.number !== (log.tip?.number ?? 0) + 1) continue;
    await log.takeIn({ ...place, bytes: await readEntry(mirror, key, place.hash, signal) });
  }
}

/** The lineages that have entries in a mirror: one list call each, since the rest is skipped. */
export async function lineagesOf(
  mirror: Mirror,
  signal?: AbortSignal,
): Promise<readonly LineageId[]> {
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

async function bringIn(
  mirror: Mirror,
  log: EntryLog,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const place = parseEntryKey(key);
  if (place === undefined) return;
  await log.bringIn({ ...place, bytes: await readEntry(mirror, key, place.hash, signal) });
}

async function readEntry(
  mirror: Mirror,
  key: string,
  hash: ObjectHash,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = await mirror.store.get(key, { signal });
  if (objectHashOf(bytes) === hash) return bytes;
  throw new VersionsError(
    'Corrupt',
    'ENTRY_DAMAGED',
    `The journal entry ${key} of mirror ${mirror.name} is damaged`,
    {
      hint: 'Run "versions verify" to see what else is',
    },
  );
}

function foreignLineage(mirror: Mirror, lineage: LineageId): VersionsError {
  return new VersionsError(
    'Conflict',
    'FOREIGN_LINEAGE',
    `Mirror ${mirror.name} has a history that this machine does not know (lineage ${lineage.slice(0, 8)}): another machine has taken the repository over`,
    {
      hint: 'To write from this machine again: "versions connect --take-over" with the same mirrors',
      context: { mirror: mirror.name, lineage },
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
