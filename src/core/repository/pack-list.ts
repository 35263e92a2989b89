import type { PackName } from '../base/index.ts';

/** A pack as the journal or the local log knows it. */
export interface PackInfo {
  readonly name: PackName;
  readonly kind: 'data' | 'tree';
  readonly bytes: number;
  readonly tableBytes: number;
  readonly chunkCount: number;
  /** Salt of its header: what a mirror serves under its name must carry it. */
  readonly salt: Uint8Array;
}

export type PackLife = 'live' | 'condemned' | 'swept';

/**
 * The packs of a repository, numbered in the order in which this machine first heard of them. The
 * numbers are local: the chunk index uses them, nothing that is stored in a mirror does.
 */
export class PackList {
  readonly #packs: PackInfo[] = [];
  readonly #numbers: Map<PackName, number> = new Map();
  readonly #lives: Map<PackName, PackLife> = new Map();
  #bytes = 0;

  /** Adds a pack unless it is known; returns its number. */
  add(pack: PackInfo): number {
    const known = this.#numbers.get(pack.name);
    if (known !== undefined) return known;
    const number = this.#packs.length;
    this.#packs.push(pack);
    this.#numbers.set(pack.name, number);
    this.#bytes += pack.bytes;
    return number;
  }

  get count(): number {
    return this.#packs.length;
  }

  /** Stored bytes of all packs. */
  get bytes(): number {
    return this.#bytes;
  }

  at(number: number): PackInfo | undefined {
    return this.#packs[number];
  }

  numberOf(name: PackName): number | undefined {
    return this.#numbers.get(name);
  }

  setLife(name: PackName, life: PackLife): void {
    if (life === 'live') this.#lives.delete(name);
    else this.#lives.set(name, life);
  }

  lifeOf(name: PackName): PackLife {
    return this.#lives.get(name) ?? 'live';
  }

  all(): readonly PackInfo[] {
    return this.#packs;
  }
}
