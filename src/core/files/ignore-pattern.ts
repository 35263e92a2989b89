import { byteStringFromText, byteStringOf, type ByteString } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { compileGlob, type Glob } from './glob.ts';

/** One line of an ignore file, or one `--exclude`, ready to be matched. */
export interface IgnorePattern {
  /** Begins with `!`: what it matches is not ignored. */
  readonly negative: boolean;
  /** Ends with `/`: matches directories only. */
  readonly directoryOnly: boolean;
  /** Holds a `/` before its end: matched from the base directory on, else against the name. */
  readonly anchored: boolean;
  /** One for each part of the path; undefined for `**`, which stands for any number of parts. */
  readonly parts: readonly (Glob | undefined)[];
  /** The one path that an anchored pattern without wildcards matches. */
  readonly onlyPath: string | undefined;
}

/** Larger files of patterns are refused: they are mistakes or attacks. */
export const ignoreFileBytesMax: number = 1024 * 1024;

/** The patterns of an ignore file: lines as in `.gitignore`. Lines without meaning are left out. */
export function parseIgnoreFile(content: Uint8Array): readonly IgnorePattern[] {
  const text = byteStringOf(content);
  return (text.startsWith('\xef\xbb\xbf') ? text.slice(3) : text)
    .split('\n')
    .map((line) => parseLine(line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((pattern) => pattern !== undefined);
}

/**
 * The pattern of one `--exclude`. The whole text is the pattern: `#` begins no comment and spaces
 * at the end count. Throws kind `Usage` for one that cannot match anything.
 */
export function parseExclude(text: string): IgnorePattern {
  const bytes = byteStringFromText(text);
  const body = bytes.startsWith('!') ? bytes.slice(1) : bytes;
  const pattern = parsePattern(body, body !== bytes);
  const reason = reasonWithoutMatch(body, pattern);
  if (pattern !== undefined && reason === undefined) return pattern;
  throw new VersionsError(
    'Usage',
    'EXCLUDE_PATTERN_INVALID',
    `The exclude pattern "${text}" ${reason ?? 'matches nothing'}`,
    {
      hint: 'Give a name such as "*.iso", or a whole path that begins with "/"; see "versions help backup"',
      context: { pattern: text },
    },
  );
}

function reasonWithoutMatch(body: string, pattern: IgnorePattern | undefined): string | undefined {
  if (body === '') return 'is empty';
  if (/^\.{0,2}\/+$/.test(body)) return 'would have to match the base directory itself';
  if (/^\.{1,2}\//.test(body)) return 'begins with a relative path, which no file has';
  if (body.startsWith('~/'))
    return 'begins with "~", which is not replaced by a home directory here';
  if (body.includes('\0')) return 'holds a NUL, which no name can hold';
  return pattern === undefined ? 'is malformed' : undefined;
}

function parseLine(line: string): IgnorePattern | undefined {
  if (line.startsWith('#')) return undefined;
  const negative = line.startsWith('!');
  return parsePattern(withoutTrailingSpaces(negative ? line.slice(1) : line), negative);
}

/** Undefined for a pattern that matches nothing. */
function parsePattern(body: string, negative: boolean): IgnorePattern | undefined {
  const directoryOnly = body.endsWith('/') && !endsEscaped(body);
  const whole = directoryOnly ? body.slice(0, -1) : body;
  const anchored = whole.includes('/');
  const path = whole.startsWith('/') ? whole.slice(1) : whole;
  if (path === '') return undefined;
  const parts: (Glob | undefined)[] = [];
  const texts = path.split('/');
  for (const [index, text] of texts.entries()) {
    // A slash may be escaped as well, which changes nothing; `a\` at the end matches nothing.
    const escapesSlash = index < texts.length - 1 && endsInLoneBackslash(text);
    const part = escapesSlash ? text.slice(0, -1) : text;
    if (part === '') return undefined;
    if (part === '**' && anchored) {
      // Two in a row say no more than one.
      if (parts.length === 0 || parts.at(-1) !== undefined) parts.push(undefined);
      continue;
    }
    const glob = compileGlob(part);
    if (glob === undefined) return undefined;
    parts.push(glob);
  }
  const onlyPath = anchored && !/[*?[\\]/.test(path) ? path : undefined;
  return { negative, directoryOnly, anchored, parts, onlyPath };
}

function withoutTrailingSpaces(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === ' ') end -= 1;
  const trimmed = text.slice(0, end);
  return end < text.length && endsInLoneBackslash(trimmed) ? `${trimmed} ` : trimmed;
}

/** Is the last character escaped by the one before it? */
function endsEscaped(text: string): boolean {
  return endsInLoneBackslash(text.slice(0, -1));
}

function endsInLoneBackslash(text: string): boolean {
  let count = 0;
  while (text[text.length - 1 - count] === '\\') count += 1;
  return count % 2 === 1;
}

/**
 * Does the pattern match `path`, relative to its base directory? `name` is the last part of it.
 * Only the path itself is looked at, never the directories above it.
 */
export function patternMatches(
  pattern: IgnorePattern,
  path: string,
  name: ByteString,
  isDirectory: boolean,
): boolean {
  if (pattern.directoryOnly && !isDirectory) return false;
  const first = pattern.parts[0];
  if (pattern.onlyPath !== undefined) return path === pattern.onlyPath;
  if (!pattern.anchored) return first !== undefined && first.matches(name);
  return partsMatch(pattern.parts, path.split('/'));
}

/**
 * Only the last `**` that was passed is ever tried again, because an earlier one could take no
 * part that it cannot take as well: so the work is at most parts times parts.
 */
function partsMatch(parts: readonly (Glob | undefined)[], path: readonly string[]): boolean {
  let at = 0;
  let part = 0;
  let retryPart = -1;
  let retryAt = 0;
  while (at < path.length) {
    const glob = parts[part];
    if (part < parts.length && glob === undefined) {
      // At the end it stands for at least one part: `a/**` is what lies in `a`, not `a`.
      if (part === parts.length - 1) return true;
      retryPart = part;
      retryAt = at;
      part += 1;
    } else if (glob?.matches(path[at] ?? '')) {
      part += 1;
      at += 1;
    } else if (retryPart !== -1) {
      retryAt += 1;
      at = retryAt;
      part = retryPart + 1;
    } else {
      return false;
    }
  }
  return part === parts.length;
}
