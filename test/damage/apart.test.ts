import { rowsOf, testRows } from './matrix.ts';

testRows(rowsOf('different places in all mirrors'), { mirrors: 2 });
