import { errorMessage, isVersionsError } from '../errors/index.ts';
import type { EventRecord, JournalRecord } from '../format/index.ts';
import { eventToFold } from './folded-events.ts';
import type { Repository } from './repository.ts';
import type { RepositoryState } from './repository-state.ts';

/**
 * So many events of a ledger are looked at, first few of them: mostly there is nothing new. What is
 * left out by the last one are events of a time in which nobody has backed up and too much happened.
 */
const lookBacks = [64, 1024, 4096] as const;

const dayMs = 86_400_000;

/**
 * What the ledger tells that the journal may not know yet, oldest first. Keyless workers write
 * there only, and it goes with the catalog. A ledger that many share costs requests: the first backup
 * of each day (UTC) looks into it, and none where nothing was stored before. It is a help: what fails
 * is noted, and stops nothing.
 */
export async function eventsOfLedger(
  { catalog, state, clock, monitor }: Pick<Repository, 'catalog' | 'state' | 'clock' | 'monitor'>,
  signal?: AbortSignal,
): Promise<readonly EventRecord[]> {
  const now = clock.now();
  if (catalog.isShared && !isFirstOfDay(state, now)) return [];
  try {
    let events: readonly EventRecord[] = [];
    for (const limit of lookBacks) {
      events = (await catalog.ledger.events(limit)).map(eventToFold);
      const oldest = events.at(-1);
      if (events.length < limit || oldest === undefined || state.events.has(oldest)) break;
    }
    // What is dated in the future is none, until then; the journal knows no time before 1970.
    return events.filter(({ at }) => at >= 0 && at <= now).toReversed();
  } catch (error) {
    if (!isVersionsError(error) || isVersionsError(error, 'Internal') || signal?.aborted) {
      throw error;
    }
    monitor.note(`Events of the catalog are not in the journal yet: ${errorMessage(error)}`);
    return [];
  }
}

function isFirstOfDay({ snapshots }: RepositoryState, now: number): boolean {
  let last: number | undefined;
  for (const { record } of snapshots.values()) last = Math.max(last ?? 0, record.finished);
  return last !== undefined && Math.floor(last / dayMs) !== Math.floor(now / dayMs);
}

/** The record of those that the journal lacks; asked again when another client was faster. */
export function newEvents(
  state: RepositoryState,
  events: readonly EventRecord[],
): readonly JournalRecord[] {
  const fresh = state.events.lacking(events);
  return fresh.length === 0 ? [] : [{ type: 'events', events: fresh }];
}
