import { VersionsError } from '../errors/index.ts';
import { expandPath, resolvePlace } from './place.ts';
import type { PathBase, SettingDefinition, SettingValue } from './setting.ts';

/** Why a value is not allowed; the caller knows the place and says it. */
export interface Refusal {
  readonly expected: string;
}

/** What to say about a wrong value at a place (`--mirrors-min`, `VERSIONS_COLOR`, a file and line). */
export function valueError(place: string, refusal: Refusal, given: string): VersionsError {
  return new VersionsError(
    'Usage',
    'INVALID_SETTING',
    `${place} must be ${refusal.expected}, not ${JSON.stringify(given)}`,
    { hint: '"versions help COMMAND" says what each flag takes', context: { place } },
  );
}

/**
 * The value that texts from the command line or the environment stand for.
 *
 * `texts` has one element for each time the flag was given; the environment gives one element per
 * line for lists. Throws `Usage` that names `place`.
 */
export function parseSettingTexts(
  definition: SettingDefinition,
  texts: readonly string[],
  at: { readonly place: string; readonly base: PathBase },
): SettingValue {
  if (isList(definition)) {
    return texts.map((text) => parseElement(definition, text, at));
  }
  const last = texts.at(-1) ?? '';
  const value = checkSettingValue(definition, scalarOf(definition, last), at.base);
  if (isRefusal(value)) throw valueError(at.place, value, last);
  return value;
}

function parseElement(
  definition: SettingDefinition,
  text: string,
  at: { readonly place: string; readonly base: PathBase },
): string {
  const value = checkText(definition, text, at.base);
  if (isRefusal(value)) throw valueError(at.place, value, text);
  return value;
}

/** The value of a TOML key, checked and brought into the form that the program uses. */
export function checkSettingValue(
  definition: SettingDefinition,
  value: unknown,
  base: PathBase,
): SettingValue | Refusal {
  switch (definition.kind) {
    case 'flag':
      return typeof value === 'boolean' ? value : { expected: 'true or false' };
    case 'count':
    case 'seconds':
      return checkNumber(definition, value);
    case 'size':
      return checkSize(definition, value);
    case 'list':
    case 'paths':
      return checkList(definition, value, base);
    case 'choice':
    case 'text':
    case 'path':
    case 'place':
      return checkText(definition, value, base);
    default:
      return definition.kind satisfies never;
  }
}

export function isRefusal(value: SettingValue | Refusal): value is Refusal {
  return typeof value === 'object' && 'expected' in value;
}

/**
 * Bytes of a size as people write it: `500`, `64k`, `16MiB`, `1.5 GiB` (all powers of 1024), `2MB`
 * (powers of 1000). Undefined if it is not one, or not exact in a double.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgtp])(i?b)?|b)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, digits = '', prefix, suffix = ''] = match;
  const base = suffix.toLowerCase() === 'b' ? 1000 : 1024;
  const power = prefix === undefined ? 0 : 'kmgtp'.indexOf(prefix.toLowerCase()) + 1;
  const bytes = Math.round(Number(digits) * base ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** True or false as people write it in the environment; undefined if it is neither. */
export function parseFlag(text: string): boolean | undefined {
  const lower = text.trim().toLowerCase();
  if (['1', 'true', 'yes', 'on'].includes(lower)) return true;
  if (['0', 'false', 'no', 'off'].includes(lower)) return false;
  return undefined;
}

function isList(definition: SettingDefinition): boolean {
  return definition.kind === 'list' || definition.kind === 'paths';
}

/** Text as the TOML value it would be; what cannot be one stays text and is refused by the check. */
function scalarOf(definition: SettingDefinition, text: string): unknown {
  if (definition.kind === 'flag') return parseFlag(text) ?? text;
  if (definition.kind === 'count') return /^\d+$/.test(text) ? Number(text) : text;
  if (definition.kind === 'seconds') return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  return text;
}

function checkNumber(definition: SettingDefinition, value: unknown): number | Refusal {
  const min = definition.min ?? 0;
  const isWhole = definition.kind === 'count';
  const what = isWhole ? 'a whole number' : 'a number of seconds';
  const ok =
    typeof value === 'number' &&
    value >= min &&
    value <= 1e9 &&
    (!isWhole || Number.isInteger(value));
  return ok ? value : { expected: `${what}, at least ${min}` };
}

function checkSize(definition: SettingDefinition, value: unknown): number | Refusal {
  const min = definition.min ?? 0;
  const bytes = typeof value === 'string' ? parseSize(value) : value;
  const ok = typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= min;
  return ok ? bytes : { expected: `a size such as 500k, 16MiB or 2GB, at least ${min}` };
}

function checkList(
  definition: SettingDefinition,
  value: unknown,
  base: PathBase,
): readonly string[] | Refusal {
  const refusal = { expected: 'a list of texts' };
  if (!Array.isArray(value)) return refusal;
  const elements: string[] = [];
  for (const element of value) {
    const checked = checkText(definition, element, base);
    if (typeof checked !== 'string') return refusal;
    elements.push(checked);
  }
  return elements;
}

function checkText(
  definition: SettingDefinition,
  value: unknown,
  base: PathBase,
): string | Refusal {
  const { kind, choices = [] } = definition;
  if (kind === 'choice') {
    const ok = typeof value === 'string' && choices.includes(value);
    return ok ? value : { expected: `one of ${choices.join(', ')}` };
  }
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    return { expected: 'a text that is not empty' };
  }
  // A lone hyphen is standard input.
  if ((kind === 'path' || kind === 'paths') && value !== '-') return expandPath(value, base);
  return kind === 'place' ? resolvePlace(value, base) : value;
}
