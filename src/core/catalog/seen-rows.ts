import type { EntryRow } from './catalog.ts';

const rowsMax = 64;
const believedMs = 2000;

/**
 * What a handle on a shared catalog has read of its rows lately, so that opening a repository does
 * not ask for the same ones again. Rows never change and never go; that there are no more after one
 * is believed once, and only for a moment.
 */
export class SeenRows {
  readonly #rows = new Map<number, EntryRow>();
  #end: { readonly number: number; readonly atMs: number } | undefined;

  get(number: number): EntryRow | undefined {
    const row = this.#rows.get(number);
    return row && copyOf(row);
  }

  keep(row: EntryRow): void {
    this.#rows.set(row.number, copyOf(row));
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= rowsMax) break;
      this.#rows.delete(oldest);
    }
  }

  /** Somebody has just seen that no row follows this one, and did nothing with it. */
  noteEnd(number: number, nowMs: number): void {
    this.#end = { number, atMs: nowMs };
  }

  /** Whether that row was the last one a moment ago; said once. */
  takeEnd(number: number, nowMs: number): boolean {
    const end = this.#end;
    this.#end = undefined;
    return end?.number === number && nowMs - end.atMs < believedMs;
  }
}

/** Whoever gets a row may do with its bytes as it likes. */
function copyOf(row: EntryRow): EntryRow {
  return { ...row, bytes: new Uint8Array(row.bytes) };
}
