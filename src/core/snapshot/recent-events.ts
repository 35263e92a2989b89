import { membersOf, type Repository } from '../repository/index.ts';

/** Something that was done to a copy, or found out about it, by whoever watches the mirrors. */
export interface RecentEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: string;
  /** Its name if it is one of the repository's, else its id. */
  readonly mirror: string | undefined;
  readonly object: string | undefined;
  readonly by: string;
  readonly detail: string;
}

const dayMs = 24 * 60 * 60 * 1000;
export const eventDays = 30;
const eventsMax = 1000;

/**
 * Events of the last 30 days, the newest first, those of the ledger and those that only the journal
 * still knows, because the catalog was lost; what is dated in the future is none.
 */
export async function recentEvents(
  repository: Repository,
  now: number,
): Promise<readonly RecentEvent[]> {
  const names = new Map(membersOf(repository).map(({ id, name }) => [id, name]));
  const { catalog, state } = repository;
  const events = await catalog.ledger.events(eventsMax);
  return state.events
    .andThoseOf(events)
    .toSorted((a, b) => b.at - a.at)
    .slice(0, eventsMax)
    .filter(({ at }) => at <= now && at > now - eventDays * dayMs)
    .map(({ at, kind, mirror, object, by, detail }) => ({
      at,
      kind,
      mirror: mirror === undefined ? undefined : (names.get(mirror) ?? mirror),
      object,
      by,
      detail,
    }));
}
