import { rowsOf, testRows } from './matrix.ts';

testRows(rowsOf('one of two mirrors'), { mirrors: 2 });
