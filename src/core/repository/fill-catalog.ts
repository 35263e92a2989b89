import type { EntryRow } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { Context } from './context.ts';
import { readHistory } from './rebuild.ts';
import type { Repository } from './repository.ts';

/** Rows that are put into a catalog at once: each time costs some milliseconds. */
const rowsAtOnce = 128;

/**
 * Brings the history of the mirrors into a catalog that holds nothing, or the beginning of it.
 * Returns how many entries it has. Throws `Conflict` (CATALOG_OTHER_HISTORY) if the catalog holds
 * something else.
 */
export async function fillCatalog(repository: Repository, context: Context): Promise<number> {
  const { log, state, mirrors, keys } = repository;
  const held = state.tip?.number ?? 0;
  let count = 0;
  let last: EntryRow | undefined;
  let kept = state.tip;
  const waiting: EntryRow[] = [];
  const keep = async (): Promise<void> => {
    if (waiting.length > 0) await log.keep(waiting.splice(0), kept);
    kept = state.tip;
  };
  try {
    for await (const row of readHistory({
      mirrors,
      keys,
      repository: repository.id,
      isForWriting: !repository.readOnly,
      isAuthentic: (bytes, place) => log.isAuthentic(bytes, place),
      isMerged: (hash) => state.merged.has(hash),
      // It is opened first: a catalog never takes in what no holder of the keys has written.
      takeIn: async (next) => {
        if (next.number > held) await log.takeIn(next);
      },
      monitor: context.monitor,
      signal: context.signal,
    })) {
      if (row.number === held) await assertHeld(repository, row);
      if (row.number > held) {
        waiting.push(row);
        if (waiting.length === rowsAtOnce) await keep();
      }
      last = row;
      count += 1;
    }
  } finally {
    await keep();
  }
  if (last !== undefined && last.number < held) await assertHeld(repository, last);
  return count;
}

/** The hash of an entry stands for everything before it. */
async function assertHeld(repository: Repository, row: EntryRow): Promise<void> {
  if (await repository.holdsEntry(`${row.lineage}/${row.number}/${row.hash}`)) return;
  const { location } = repository.catalog;
  throw new VersionsError(
    'Conflict',
    'CATALOG_OTHER_HISTORY',
    `The catalog ${location} holds another history than the longest one that the mirrors have`,
    {
      hint: 'Make a new one in another place: "versions catalog rebuild --to URL"',
      context: { location, number: row.number },
    },
  );
}
