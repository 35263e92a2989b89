import { VersionsError } from '../../core/index.ts';
import type { Settings } from '../options/settings.ts';

const unitMs: ReadonlyMap<string, number> = new Map([
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 7 * 86_400_000],
  ['y', 365 * 86_400_000],
]);

/** A setting in milliseconds: a number and minutes, hours, days, weeks or years. */
export function ageSetting(settings: Settings, name: string): number | undefined {
  const text = settings.text(name);
  if (text === undefined) return undefined;
  const match = /^(\d{1,6})([mhdwy])$/.exec(text);
  const unit = unitMs.get(match?.[2] ?? '');
  if (unit !== undefined) return Number(match?.[1]) * unit;
  const message = `--${name} must be a number and m, h, d, w or y, such as 30d, not ${JSON.stringify(text)}`;
  throw new VersionsError('Usage', 'INVALID_SETTING', message);
}

/** How often this machine means to save. Nobody promises nothing, or less than once in 31 days. */
export function promiseSetting(settings: Settings): number | undefined {
  const everyMs = ageSetting(settings, 'every');
  if (everyMs === undefined || (everyMs > 0 && everyMs <= 31 * 86_400_000)) return everyMs;
  const message = '--every must be more than nothing and at most 31d';
  throw new VersionsError('Usage', 'INVALID_SETTING', message);
}
