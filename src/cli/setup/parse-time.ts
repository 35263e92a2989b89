import { VersionsError } from '../../core/index.ts';
import type { Settings } from '../options/settings.ts';

const pattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Milliseconds since 1970 of `2026-11-01`, `2026-11-01 12:00[:00]` (local time unless it says `Z` or
 * `+01:00`) or `@1793534400` (seconds since 1970); undefined for anything else, and for dates that do
 * not exist.
 */
export function parseTime(text: string): number | undefined {
  const seconds = /^@(\d{1,11})$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1000;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', zone] =
    match;
  const y = Number(year);
  const isDay = Number(month) >= 1 && Number(month) <= 12 && isDayOf(y, Number(month), Number(day));
  if (!isDay || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  if (zone === undefined) return new Date(local).getTime();
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const time = Date.parse(`${local}${offset}`);
  return Number.isNaN(time) ? undefined : time;
}

function isDayOf(year: number, month: number, day: number): boolean {
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/**
 * The time that the flag `--NAME` gives, in milliseconds since 1970; undefined without it. Throws
 * `Usage` for what is no time.
 */
export function timeSetting(settings: Settings, name: string): number | undefined {
  const text = settings.text(name);
  if (text === undefined) return undefined;
  const time = parseTime(text);
  if (time !== undefined && time < 0) {
    throw new VersionsError('Usage', 'INVALID_SETTING', `--${name} must not be before 1970`, {
      hint: 'a snapshot has the time since 1970; those of the files in it may be older',
    });
  }
  if (time !== undefined) return time;
  throw new VersionsError(
    'Usage',
    'INVALID_SETTING',
    `--${name} must be a time such as 2026-11-01T12:00 or @SECONDS, not ${JSON.stringify(text)}`,
    { hint: 'a date alone means its first moment, in local time' },
  );
}
