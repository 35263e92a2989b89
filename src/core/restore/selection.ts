import type { ByteString } from '../base/index.ts';
import { IgnoreRules, parseExclude } from '../files/index.ts';

/** Which paths of a snapshot are restored, by patterns as in .gitignore relative to its `/`. */
export class Selection {
  readonly #include: IgnoreRules;
  readonly #exclude: IgnoreRules;

  constructor(include: readonly string[], exclude: readonly string[]) {
    this.#include = IgnoreRules.of(include.map((pattern) => parseExclude(pattern)));
    this.#exclude = IgnoreRules.of(exclude.map((pattern) => parseExclude(pattern)));
  }

  /** Nothing is left out. */
  get isEverything(): boolean {
    return this.#include.isEmpty && this.#exclude.isEmpty;
  }

  /** Never restored, and not entered if it is a directory. */
  isExcluded(path: ByteString, name: ByteString, isDirectory: boolean): boolean {
    return this.#exclude.ignores(path, name, isDirectory);
  }

  /** Restored with all that is below it. `within`: a directory above it is included. */
  isIncluded(path: ByteString, name: ByteString, isDirectory: boolean, within: boolean): boolean {
    return within || this.#include.isEmpty || this.#include.ignores(path, name, isDirectory);
  }
}
