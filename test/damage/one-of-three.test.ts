import { rowsOf, testRows } from './matrix.ts';

testRows(rowsOf('one of three mirrors'), { mirrors: 3 });
