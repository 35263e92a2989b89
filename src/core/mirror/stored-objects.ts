import type { MirrorId } from '../base/index.ts';

/** Objects that reached the quorum, and the mirrors that said that they have stored them. */
export class StoredObjects {
  readonly #holders = new Map<string, readonly MirrorId[]>();

  get count(): number {
    return this.#holders.size;
  }

  /** Replaces what was known of the object. */
  note(key: string, holders: readonly MirrorId[]): void {
    this.#holders.set(key, holders);
  }

  areIn(mirror: MirrorId): boolean {
    return [...this.#holders.values()].some((holders) => holders.includes(mirror));
  }

  keysIn(mirror: MirrorId): readonly string[] {
    return [...this.#holders].flatMap(([key, holders]) => (holders.includes(mirror) ? [key] : []));
  }

  /** An object that fewer than `count` of these mirrors hold. */
  heldByFewer(count: number, mirrors: ReadonlySet<MirrorId>): string | undefined {
    for (const [key, holders] of this.#holders) {
      if (holders.filter((mirror) => mirrors.has(mirror)).length < count) return key;
    }
    return undefined;
  }
}
