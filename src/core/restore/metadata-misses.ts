import { displayPath, type ByteString } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { RestoreMiss } from '../workers/index.ts';

interface Kind {
  count: number;
  readonly path: string;
  readonly detail: string;
}

/** What could not be set, gathered by kind: one line each in the end, however many files it is. */
export class MetadataMisses {
  readonly #kinds: Map<string, Kind> = new Map();

  add(path: ByteString, miss: RestoreMiss): void {
    const known = this.#kinds.get(miss.part);
    if (known) known.count += 1;
    else this.#kinds.set(miss.part, { count: 1, path: displayPath(path), detail: miss.detail });
  }

  /** One problem for each kind. */
  problems(): readonly VersionsError[] {
    return [...this.#kinds].map(([part, { count, path, detail }]) => {
      const first = count === 1 ? path : `${path} and ${count - 1} more`;
      return new VersionsError(
        'Source',
        'TARGET_METADATA_INCOMPLETE',
        `The ${part} of ${first} could not be set: ${detail}`,
        {
          hint: part === 'owner' ? 'Restore as root, or with --no-owner' : undefined,
          context: { part, count },
        },
      );
    });
  }
}
