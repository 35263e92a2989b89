const pattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?)?(?<zone>Z|[+-]\d\d:?\d\d)?$/i;

/** Milliseconds since 1970, both ends included. */
export interface TimeSpan {
  readonly first: number;
  readonly last: number;
}

/**
 * The day, minute, second or fraction of one that a text names: `2026-11-01`,
 * `2026-11-01 12:00[:00[.5]]` (local time unless it ends in `Z` or `+01:00`), or `@1793534400`
 * (seconds since 1970). Undefined for anything else, and for days that do not exist.
 */
export function timeSpanOf(text: string): TimeSpan | undefined {
  const seconds = /^@(\d{1,11})$/.exec(text)?.[1];
  if (seconds !== undefined) {
    const first = Number(seconds) * 1000;
    return { first, last: first + 999 };
  }
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  // 31 February would be taken for 3 March.
  if (new Date(`${year}-${month}-${day}T00:00Z`).getUTCDate() !== Number(day)) return undefined;
  const at = (upTo: readonly [string, string, string], digit: string): number => {
    const clock = `${hour ?? upTo[0]}:${minute ?? upTo[1]}:${second ?? upTo[2]}`;
    const ms = fraction.padEnd(3, digit).slice(0, 3);
    return Date.parse(`${year}-${month}-${day}T${clock}.${ms}${zoneOf(match)}`);
  };
  const span = { first: at(['00', '00', '00'], '0'), last: at(['23', '59', '59'], '9') };
  return Number.isNaN(span.first + span.last) ? undefined : span;
}

/** As `Date.parse` wants it; empty for local time. */
function zoneOf({ groups }: RegExpExecArray): string {
  const zone = groups?.['zone']?.toUpperCase() ?? '';
  return zone.length < 3 ? zone : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
}
