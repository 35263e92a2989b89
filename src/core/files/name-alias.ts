import { byteStringFromText, utf8OfByteString, type ByteString } from '../base/index.ts';

/** What tells whether two names lead to one thing. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** One directory, by the names in it. */
export interface NamesInDirectory {
  /** Of what stands under a name; undefined if there is nothing. */
  identity(name: ByteString): Identity | undefined;
  /** The names as they are kept. */
  list(): readonly ByteString[];
}

/** Something that a file system may not look at when it compares names. */
type Difference = 'case' | 'form';

/**
 * Finds names that a file system takes for one, although they differ: in upper and lower case, or
 * in how an accent is written. Remembers of the directory asked about last which of these it tells
 * apart, so that nearly all questions cost nothing there.
 */
export class NameAliases {
  #directory: ByteString | undefined;
  readonly #told: Set<Difference> = new Set();

  /**
   * The name under which `directory` keeps what it gave for `name`, if that is another one;
   * `own` is what it gave.
   */
  of(
    directory: ByteString,
    name: ByteString,
    own: Identity,
    names: NamesInDirectory,
  ): ByteString | undefined {
    if (this.#directory !== directory) {
      this.#directory = directory;
      this.#told.clear();
    }
    const text = utf8OfByteString(name);
    if (text === undefined) return undefined;
    const open = variantsOf(text).filter(({ by }) => !this.#told.has(by));
    if (!open.some((variant) => this.#isSame(variant, own, names))) return undefined;
    const kept = names.list();
    if (kept.includes(name)) return undefined;
    const folded = fold(text);
    return kept.find((each) => fold(utf8OfByteString(each) ?? '') === folded) ?? name;
  }

  #isSame(asked: Variant, own: Identity, names: NamesInDirectory): boolean {
    const found = names.identity(byteStringFromText(asked.variant));
    if (found !== undefined && found.ino === own.ino && found.dev === own.dev) return true;
    if (asked.isPlain) this.#told.add(asked.by);
    return false;
  }
}

interface Variant {
  readonly by: Difference;
  readonly variant: string;
  /** Every file system that overlooks such differences overlooks this one: if it does not, none. */
  readonly isPlain: boolean;
}

/** Other ways to write the text, one for each difference. */
function variantsOf(text: string): readonly Variant[] {
  const hasLetters = /[a-z]/i.test(text);
  const lower = text.toLowerCase();
  const other = lower === text ? text.toUpperCase() : lower;
  const cased = hasLetters ? text.replaceAll(/[a-z]/gi, inOtherCase) : other;
  const composed = text.normalize('NFC');
  const form = composed === text ? text.normalize('NFD') : composed;
  const hasAccent = /[\u00e0-\u00e5\u00e7-\u00ef\u00f1-\u00f6]/i.test(composed);
  const all: readonly Variant[] = [
    { by: 'case', variant: cased, isPlain: hasLetters },
    { by: 'form', variant: form, isPlain: hasAccent },
  ];
  return all.filter(({ variant }) => variant !== text);
}

function inOtherCase(letter: string): string {
  const lower = letter.toLowerCase();
  return lower === letter ? letter.toUpperCase() : lower;
}

function fold(text: string): string {
  return text.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC');
}
