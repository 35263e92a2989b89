import { timeSpanOf, VersionsError } from '../../core/index.ts';
import type { Settings } from '../options/settings.ts';

/**
 * The first millisecond since 1970 of the time that the flag `--NAME` gives; undefined without it.
 * Throws `Usage` for what is no time.
 */
export function timeSetting(settings: Settings, name: string): number | undefined {
  const text = settings.text(name);
  if (text === undefined) return undefined;
  const time = timeSpanOf(text)?.first;
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
