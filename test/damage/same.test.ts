import { rowsOf, testRows } from './matrix.ts';

testRows(rowsOf('the same in all mirrors'), { mirrors: 2 });
