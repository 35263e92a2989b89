import type { ByteSource } from './byte-source.ts';
import { SeededNumbers } from './seeded-numbers.ts';

const words = 4096;
const letters = 'etaoinshrdlucmfwypvbgkjqxz';
const separators = [' ', ' ', ' ', ' ', ' ', ' ', ', ', '. ', '\n', '\n    '];

/** How many words can be chosen from 16 random bits; more common ones have more places. */
const places = 1 << 16;

/**
 * Text that compresses about as well as prose or source code: made-up words, the most common
 * far more often than the others, as in every language. It never repeats itself as a whole.
 */
export class SeededText implements ByteSource {
  readonly #numbers: SeededNumbers;
  readonly #vocabulary: readonly Buffer[];
  #unfinished: Buffer = Buffer.alloc(0);

  constructor(seed: string) {
    this.#numbers = new SeededNumbers(`${seed}/choice`);
    this.#vocabulary = makeVocabulary(new SeededNumbers(`${seed}/words`));
  }

  fill(buffer: Buffer): void {
    let filled = this.#unfinished.copy(buffer);
    this.#unfinished = this.#unfinished.subarray(filled);
    while (filled < buffer.length) {
      const word = this.#vocabulary[this.#numbers.next() >>> 16] ?? this.#unfinished;
      // Short copies are faster byte by byte than by a call into the runtime.
      const end = Math.min(word.length, buffer.length - filled);
      for (let index = 0; index < end; index += 1) buffer[filled + index] = word[index] ?? 0;
      filled += end;
      if (end < word.length) this.#unfinished = word.subarray(end);
    }
  }
}

/** For each place a word with its separator; the word of rank r has about places / r of them. */
function makeVocabulary(numbers: SeededNumbers): Buffer[] {
  const spelled = Array.from({ length: words }, () => spell(numbers));
  return Array.from({ length: places }, (_, place) => {
    const rank = Math.floor(words ** (place / places)) - 1;
    const separator = separators[numbers.below(separators.length)] ?? ' ';
    return Buffer.from(`${spelled[rank] ?? ''}${separator}`);
  });
}

function spell(numbers: SeededNumbers): string {
  const length = 2 + numbers.below(5) + numbers.below(5);
  // The square prefers the letters at the front.
  const letter = (): string => letters[Math.floor(numbers.fraction() ** 2 * letters.length)] ?? 'e';
  return Array.from({ length }, letter).join('');
}
