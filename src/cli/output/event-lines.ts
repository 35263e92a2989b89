import { eventDays, type RecentEvent } from '../../core/index.ts';
import { formatCount, formatTime, isoTime, type MeasureOptions } from './measures.ts';
import type { JsonDocument } from './output.ts';
import { safeText } from './safe-text.ts';
import { renderTable } from './text-table.ts';

const shownMax = 8;
const objectCharsMax = 24;

/** How often what happened lately, and the newest of it; nothing if nothing did. */
export function eventLines(
  events: readonly RecentEvent[],
  measures: MeasureOptions,
): readonly string[] {
  if (events.length === 0) return [];
  const counts = Object.entries(countsOf(events)).map(
    ([kind, count]) => `${formatCount(count)} ${safeText(kind)}`,
  );
  const rows = events
    .slice(0, shownMax)
    .map(({ at, kind, mirror, object, by, detail }) => [
      formatTime(at, measures.utc),
      safeText(kind),
      safeText(mirror ?? '-'),
      object === undefined ? '-' : shortened(safeText(object)),
      `${safeText(by)}: ${safeText(detail)}`,
    ]);
  return [`events of the last ${eventDays} days: ${counts.join(', ')}`, ...renderTable(rows)];
}

/** The document of an event for `--json`. */
export function eventDocument({ at, ...event }: RecentEvent): JsonDocument {
  return { type: 'event', time: isoTime(at), ...event };
}

/** Events by their kind. */
export function countsOf(events: readonly RecentEvent[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { kind } of events) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Object.fromEntries(counts);
}

function shortened(object: string): string {
  return object.length <= objectCharsMax ? object : `${object.slice(0, objectCharsMax)}…`;
}
