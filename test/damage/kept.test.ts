import type { DamageKind } from './damage-kinds.ts';
import { rowsOf, testRows } from './matrix.ts';

/** What the repository is opened with is gone everywhere, but for what this machine keeps of it. */
const kinds: ReadonlySet<DamageKind> = new Set([
  'delete',
  'flip a bit',
  'swap two objects',
  'older content',
]);

testRows(
  rowsOf('the same in all mirrors')
    .filter(({ object, kind }) => (object === 'config' || object === 'key') && kinds.has(kind))
    .map((row) => ({ ...row, isKept: true })),
  { mirrors: 2 },
);
