/** A pattern for one name, over bytes. Takes at most name times pattern steps. */
export interface Glob {
  matches(name: string): boolean;
}

/** A byte that must stand there, a set of bytes, or any number of any bytes. */
type Token = string | Uint8Array | typeof star;

const star = Symbol('star');

/**
 * Compiles a wildcard pattern as git's: `*` any bytes, `?` one byte, `[a-z]`, `[!a-z]`, `[^a-z]`
 * and `[[:alpha:]]` one byte of a set, `\` takes the next byte as it is. Undefined for a pattern
 * that can match nothing: an open bracket or a backslash at the end.
 */
export function compileGlob(pattern: string): Glob | undefined {
  const tokens = tokensOf(pattern);
  if (tokens === undefined) return undefined;
  const stars = tokens.filter((token) => token === star).length;
  const plain = tokens.filter((token) => typeof token === 'string').join('');
  if (stars === 0 && plain.length === tokens.length) return new Literal(plain);
  if (stars === 1 && plain.length === tokens.length - 1) {
    const at = tokens.indexOf(star);
    return new OneStar(plain.slice(0, at), plain.slice(at));
  }
  return new Wildcard(tokens);
}

class Literal implements Glob {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  matches(name: string): boolean {
    return name === this.#text;
  }
}

class OneStar implements Glob {
  readonly #before: string;
  readonly #after: string;
  constructor(before: string, after: string) {
    this.#before = before;
    this.#after = after;
  }
  matches(name: string): boolean {
    return (
      name.length >= this.#before.length + this.#after.length &&
      name.startsWith(this.#before) &&
      name.endsWith(this.#after)
    );
  }
}

class Wildcard implements Glob {
  readonly #tokens: readonly Token[];
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  matches(name: string): boolean {
    const tokens = this.#tokens;
    let at = 0;
    let index = 0;
    // Only the last star that was passed is ever tried again; see `partsMatch`.
    let retryIndex = -1;
    let retryAt = 0;
    while (at < name.length) {
      const token = tokens[index];
      if (token === star) {
        retryIndex = index;
        retryAt = at;
        index += 1;
      } else if (token !== undefined && accepts(token, name, at)) {
        index += 1;
        at += 1;
      } else if (retryIndex !== -1) {
        retryAt += 1;
        at = retryAt;
        index = retryIndex + 1;
      } else {
        return false;
      }
    }
    while (tokens[index] === star) index += 1;
    return index === tokens.length;
  }
}

function accepts(token: string | Uint8Array, name: string, at: number): boolean {
  return typeof token === 'string' ? token === name[at] : token[name.charCodeAt(at)] === 1;
}

function tokensOf(pattern: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const character = pattern.charAt(at);
    at += 1;
    if (character === '*') {
      if (tokens.at(-1) !== star) tokens.push(star);
    } else if (character === '?') {
      tokens.push(anyByte);
    } else if (character === '\\') {
      if (at === pattern.length) return undefined;
      tokens.push(pattern.charAt(at));
      at += 1;
    } else if (character === '[') {
      const set = parseSet(pattern, at);
      if (set === undefined) return undefined;
      tokens.push(set.bytes);
      at = set.end;
    } else {
      tokens.push(character);
    }
  }
  return tokens;
}

const anyByte = new Uint8Array(256).fill(1);

/** A set whose `[` stands before `start`; `end` is the place after its `]`. */
function parseSet(pattern: string, start: number): { bytes: Uint8Array; end: number } | undefined {
  const bytes = new Uint8Array(256);
  let at = start;
  const negated = pattern[at] === '!' || pattern[at] === '^';
  if (negated) at += 1;
  const first = at;
  // A range may begin at the byte before a hyphen, unless that ended a range or class itself.
  let previous: number | undefined;
  for (;;) {
    if (at >= pattern.length) return undefined;
    const character = pattern.charAt(at);
    if (character === ']' && at > first) break;
    if (pattern.startsWith('[:', at)) {
      const close = pattern.indexOf(']', at + 2);
      if (close === -1) return undefined;
      if (pattern[close - 1] === ':' && close - 1 >= at + 2) {
        const accept = classes.get(pattern.slice(at + 2, close - 1));
        if (accept === undefined) return undefined;
        for (let byte = 0; byte < 128; byte++) if (accept(byte)) bytes[byte] = 1;
        previous = undefined;
        at = close + 1;
        continue;
      }
    }
    const next = pattern[at + 1];
    if (character === '-' && previous !== undefined && next !== undefined && next !== ']') {
      const end = next === '\\' ? pattern.charCodeAt(at + 2) : next.charCodeAt(0);
      if (Number.isNaN(end)) return undefined;
      for (let byte = previous; byte <= end; byte++) bytes[byte] = 1;
      at += next === '\\' ? 3 : 2;
      previous = undefined;
      continue;
    }
    if (character === '\\') at += 1;
    if (at >= pattern.length) return undefined;
    previous = pattern.charCodeAt(at);
    bytes[previous] = 1;
    at += 1;
  }
  return { bytes: negated ? bytes.map((bit) => 1 - bit) : bytes, end: at + 1 };
}

const isBetween = (low: string, high: string) => (byte: number) =>
  byte >= low.charCodeAt(0) && byte <= high.charCodeAt(0);
const isDigit = isBetween('0', '9');
const isLower = isBetween('a', 'z');
const isUpper = isBetween('A', 'Z');
const isGraphic = isBetween('!', '~');
const isAlphanumeric = (byte: number): boolean => isDigit(byte) || isLower(byte) || isUpper(byte);

const classes: ReadonlyMap<string, (byte: number) => boolean> = new Map([
  ['alnum', isAlphanumeric],
  ['alpha', (byte) => isLower(byte) || isUpper(byte)],
  ['blank', (byte) => byte === 32 || byte === 9],
  ['cntrl', (byte) => byte < 32 || byte === 127],
  ['digit', isDigit],
  ['graph', isGraphic],
  ['lower', isLower],
  ['print', (byte) => byte === 32 || isGraphic(byte)],
  ['punct', (byte) => isGraphic(byte) && !isAlphanumeric(byte)],
  ['space', (byte) => byte === 32 || (byte >= 9 && byte <= 13)],
  ['upper', isUpper],
  ['xdigit', (byte) => isDigit(byte) || isBetween('a', 'f')(byte) || isBetween('A', 'F')(byte)],
]);
