import { deserialize, serialize } from 'node:v8';
import type { PackInfo } from './pack-list.ts';

/** What the write-ahead log keeps of a pack: enough to journal it and to index its chunks. */
export interface LoggedPack {
  readonly pack: PackInfo;
  /** Where the sealed chunk table begins in the pack. */
  readonly tableOffset: number;
  /** The chunk table in clear. */
  readonly table: Uint8Array;
}

/** Local only: a record of another layout is refused, and its pack becomes an unnamed object. */
const layout = 1;

export function encodeLoggedPack(logged: LoggedPack): Uint8Array {
  return serialize({ layout, ...logged });
}

/** Undefined if the record was written by another version. */
export function decodeLoggedPack(record: Uint8Array): LoggedPack | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the log's checksums hold, so some version of this program wrote it
  const value = deserialize(record) as LoggedPack & { readonly layout: number };
  return value.layout === layout ? value : undefined;
}

const recentChunksMax = 20_000;

/** The packs of this run with their tables, as long as they are few enough to be kept in memory. */
export class RecentPacks {
  #packs: LoggedPack[] = [];
  #chunks = 0;

  add(logged: LoggedPack): void {
    this.#chunks += logged.pack.chunkCount;
    if (this.complete) this.#packs.push(logged);
    else this.#packs = [];
  }

  /** Nothing was left out. */
  get complete(): boolean {
    return this.#chunks <= recentChunksMax;
  }

  get packs(): readonly LoggedPack[] {
    return this.#packs;
  }
}
