import type { LineageId, RepositoryId, WriterId } from '../../src/core/base/index.ts';
import type { EntryRow, Tip } from '../../src/core/catalog/index.ts';
import { encodeEntryStart, noHash, objectHashOf } from '../../src/core/format/index.ts';
import { seededBytes } from './seeded-random.ts';

const sealedBytes = 16;

/** An entry as a client writes it, with a payload that nobody opens. */
export function clientRow(
  writer: string,
  {
    tip,
    at,
    repository,
  }: { readonly tip: Tip | undefined; readonly at: number; readonly repository: RepositoryId },
): EntryRow {
  const number = (tip?.number ?? 0) + 1;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made for the test
  const lineage = tip?.lineage ?? ('cd'.repeat(16) as LineageId);
  const salt = seededBytes(`salt ${number}`, 32);
  const start = encodeEntryStart(
    { suite: 1, epoch: 1, repository, salt, sealedBytes },
    {
      number,
      lineage,
      entryId: number.toString(16).padStart(32, '0'),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
      writer: writer as WriterId,
      time: at,
      previous: tip?.hash ?? noHash,
    },
  );
  const bytes = Buffer.concat([start, seededBytes(`sealed ${number}`, sealedBytes)]);
  return { number, lineage, hash: objectHashOf(bytes), bytes };
}
