import { parseSize, type Subset, type VerifyLevel, VersionsError } from '../../core/index.ts';
import type { Session } from '../session.ts';
import { ageSetting } from './age-setting.ts';

export function levelOption({ settings }: Session): VerifyLevel {
  const level = settings.text('level');
  return level === 'quick' || level === 'data' ? level : 'structure';
}

/** The one mirror that `--mirror` names for commands that take no more than a name. */
export function mirrorOption({ settings, command }: Session): string | undefined {
  const [name, ...others] = settings.list('mirror');
  if (others.length === 0) return name;
  throw new VersionsError('Usage', 'USAGE', `versions ${command.name} takes one --mirror`, {
    hint: 'Leave it away for all mirrors',
  });
}

/** `--subset`: `2/7`, `5%` or `10GiB`. */
export function subsetOption({ settings }: Session): Subset | undefined {
  const text = settings.text('subset');
  if (text === undefined) return undefined;
  const part = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text);
  if (part) {
    const [number, of] = [Number(part[1]), Number(part[2])];
    if (number <= of) return { kind: 'part', number, of };
  }
  const percent = /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(text);
  if (percent && Number(percent[1]) <= 100) return { kind: 'percent', percent: Number(percent[1]) };
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return { kind: 'bytes', bytes };
  throw invalid(
    'subset',
    'a part such as 2/7, a percentage such as 5%, or a size such as 10GiB',
    text,
  );
}

/** `--max-age` in milliseconds. */
export function ageOption({ settings }: Session): number | undefined {
  return ageSetting(settings, 'max-age');
}

function invalid(option: string, expected: string, text: string): VersionsError {
  const message = `--${option} must be ${expected}, not ${JSON.stringify(text)}`;
  return new VersionsError('Usage', 'INVALID_SETTING', message);
}
