import { bytesEqual, isHex16, isHex32 } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import type { EntryRow, Tip } from './catalog.ts';
import { catalogConflict } from './catalog-errors.ts';

/** Throws `Internal` if no catalog could hold such a row. */
export function assertRow(row: EntryRow): void {
  assert(Number.isSafeInteger(row.number) && row.number > 0, `Row number ${row.number} is invalid`);
  assert(isHex16(row.lineage), `The lineage of row ${row.number} is invalid`);
  assert(isHex32(row.hash), `The hash of row ${row.number} is invalid`);
  assert(row.bytes.length > 0, `Row ${row.number} is empty`);
}

/**
 * Decides on an append. Returns false if the very same row is there already: the answer to an
 * earlier try was lost. Throws `Conflict` unless the row follows the tip and the caller knew it.
 */
export function mayAppend(
  row: EntryRow,
  expected: Tip | undefined,
  found: { readonly tip: Tip | undefined; readonly sameNumber: EntryRow | undefined },
): boolean {
  const { tip, sameNumber } = found;
  if (sameNumber !== undefined) {
    if (isSameRow(row, sameNumber)) return false;
    throw catalogConflict(`Another entry has number ${row.number}`);
  }
  const tipNumber = tip?.number ?? 0;
  if (row.number !== tipNumber + 1) {
    throw catalogConflict(`Entry ${row.number} does not follow the last one, ${tipNumber}`);
  }
  if (!isSameTip(expected, tip)) {
    throw catalogConflict(`Entry ${row.number} was made behind another entry than the last one`);
  }
  return true;
}

function isSameRow(a: EntryRow, b: EntryRow): boolean {
  return a.lineage === b.lineage && a.hash === b.hash && bytesEqual(a.bytes, b.bytes);
}

function isSameTip(expected: Tip | undefined, tip: Tip | undefined): boolean {
  if (tip === undefined) return expected === undefined || expected.number === 0;
  return (
    expected?.number === tip.number &&
    expected.hash === tip.hash &&
    expected.lineage === tip.lineage
  );
}
