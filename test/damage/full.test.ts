import { type Row, testRows } from './matrix.ts';

/** Twelve rows on a tree that is given: `npm run test:damage -- --full --source DIR`. */

const one = 'one of two mirrors';
const same = 'the same in all mirrors';
const apart = 'different places in all mirrors';

const rows: readonly Row[] = [
  { spread: one, object: 'data pack', kind: 'delete' },
  { spread: one, object: 'tree pack', kind: 'zero a page' },
  { spread: one, object: 'journal object', kind: 'older content' },
  { spread: one, object: 'config', kind: 'truncate by half' },
  { spread: one, object: 'marker', kind: 'delete' },
  { spread: same, object: 'data pack', kind: 'zero a page' },
  { spread: same, object: 'data pack', kind: 'flip a bit' },
  { spread: same, object: 'tree pack', kind: 'swap two objects' },
  { spread: same, object: 'payload', kind: 'append garbage' },
  { spread: apart, object: 'data pack', kind: 'zero a page' },
  { spread: apart, object: 'tree pack', kind: 'truncate by half' },
  { spread: apart, object: 'key', kind: 'zero a page' },
];

testRows(rows, { mirrors: 2, source: process.env['VERSIONS_TEST_SOURCE'] });
