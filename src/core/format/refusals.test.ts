import { readFileSync, writeFileSync } from 'node:fs';
import { encode } from 'cborg';
import { describe, expect, test } from 'vitest';
import { readFormatRefusals, readFormatVectors } from '../../../test/support/format-vectors.ts';
import { toHex } from '../base/index.ts';
import { decodeCbor } from './cbor.ts';
import {
  decodeChunkTable,
  decodeEntry,
  decodeListPage,
  decodeObjectHeader,
  decodePackTrailer,
  decodeRecords,
  decodeTreePage,
  trailerBytes,
} from './index.ts';

/* What stands in docs/format.md section 15. To write cases into the page after adding some:
   UPDATE_VECTORS=1 vitest run refusals. */

const page = new URL('../../../docs/format.md', import.meta.url);
const vectors = readFormatVectors();
const bytesOf = (name: string): Buffer => Buffer.from(vectors.get(name) ?? '', 'hex');
const packBytes = bytesOf('pack').byteLength;
/** Where the blocks of the pack in section 14 end: behind its header, 28 and 26 bytes. */
const tableOffset = 64 + 28 + 26;

const decoders = {
  cbor: decodeCbor,
  entry: decodeEntry,
  'tree page': decodeTreePage,
  'list page': decodeListPage,
  'chunk table': (bytes: Uint8Array) => decodeChunkTable(bytes, tableOffset),
  header: (bytes: Uint8Array) => decodeObjectHeader(bytes),
  trailer: (bytes: Uint8Array) => decodePackTrailer(bytes, packBytes),
  records: decodeRecords,
} as const;

type Decoder = keyof typeof decoders;
/** Which decoder, what is wrong, the bytes, and the code of the error. */
type Refusal = readonly [Decoder, string, Uint8Array, string];
type Field = number | boolean | Uint8Array | readonly unknown[];

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const id = (value: number): Buffer => Buffer.alloc(32, value);

/** The entry of an empty file `a`, with other fields. */
function entry(fields: Readonly<Record<number, Field>> = {}): Uint8Array {
  const all = new Map<number, Field>([
    [0, bytes('a')],
    [1, 0],
  ]);
  for (const [key, value] of Object.entries(fields)) all.set(Number(key), value);
  return encode(all);
}

const pageOf = (level: number, ...items: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(0x82, level, 0x80 + items.length), ...items]);
const named = (name: string): Uint8Array => entry({ 0: bytes(name) });

/** A copy with some bytes changed. */
function changed(name: string, at: number, to: string): Buffer {
  const copy = Buffer.from(bytesOf(name));
  copy.set(hex(to), at);
  return copy;
}

const trailer = (at: number, to: string): Buffer =>
  changed('pack', packBytes - trailerBytes + at, to).subarray(-trailerBytes);
const tableIds = bytesOf('chunk-table').subarray(-96);
const table = (start: string): Buffer => Buffer.concat([hex(start), tableIds]);
const tableStart = '02 001c0c 011a64 03 0005 0007 0064';

const inOrder = ['CBOR_INVALID', 'ENTRY_INVALID', 'PAGE_DAMAGED', 'LIST_DAMAGED'] as const;
const [cbor, invalid, badPage, badList] = inOrder;
const badTable = 'CHUNK_TABLE_DAMAGED';
const newer = 'FORMAT_TOO_NEW';
const badHeader = 'HEADER_DAMAGED';
const badTrailer = 'PACK_TRAILER_DAMAGED';
const badRecord = 'RECORD_DAMAGED';

const refusals: readonly Refusal[] = [
  ['cbor', 'a number that is not in its shortest form', hex('1817'), cbor],
  ['cbor', 'a byte string that ends too early', hex('4201'), cbor],
  ['cbor', 'an array of indefinite length', hex('9fff'), cbor],
  ['cbor', 'a tag', hex('c000'), cbor],
  ['cbor', 'a floating-point number', hex('f93c00'), cbor],
  ['cbor', 'null', hex('f6'), cbor],
  ['cbor', 'keys out of order', hex('a2616201616101'), cbor],
  ['cbor', 'a key twice', hex('a2616101616102'), cbor],
  ['cbor', 'keys of two types', hex('a20100616101'), cbor],
  ['cbor', 'text that is not UTF-8', hex('61ff'), cbor],
  ['cbor', 'the integer 2^53', hex('1b0020000000000000'), cbor],
  ['cbor', 'a value within 33 others', hex(`${'81'.repeat(33)}00`), cbor],
  ['cbor', 'a byte behind its end', hex('0000'), cbor],
  ['entry', 'the name ..', entry({ 0: bytes('..') }), invalid],
  ['entry', 'a name with a slash', entry({ 0: bytes('a/b') }), invalid],
  ['entry', 'a name with a NUL', entry({ 0: bytes('a\0b') }), invalid],
  ['entry', 'no kind', encode(new Map([[0, bytes('a')]])), invalid],
  ['entry', 'a mode of 0 that is not left out', entry({ 2: 0 }), invalid],
  ['entry', 'a mode of 13 bits', entry({ 2: 0o10_000 }), invalid],
  ['entry', 'nanoseconds of a whole second', entry({ 4: 1_000_000_000 }), invalid],
  ['entry', 'inline bytes that are not the size', entry({ 9: 3, 10: bytes('ab') }), invalid],
  ['entry', 'two kinds of content', entry({ 9: 2, 10: bytes('ab'), 11: id(1) }), invalid],
  [
    'entry',
    'lengths that do not add up',
    entry({ 9: 12, 11: Buffer.concat([id(1), id(2)]), 12: [5, 6] }),
    invalid,
  ],
  ['entry', 'the length of a single chunk', entry({ 9: 5, 11: id(1), 12: [5] }), invalid],
  ['entry', 'a symlink without a target', entry({ 1: 2 }), invalid],
  ['entry', 'a target with a NUL', entry({ 1: 2, 14: bytes('b\0c') }), invalid],
  ['entry', 'a tree below a file', entry({ 15: id(1) }), invalid],
  [
    'entry',
    'attributes out of order',
    entry({
      17: [
        [bytes('user.b'), bytes('1')],
        [bytes('user.a'), bytes('1')],
      ],
    }),
    invalid,
  ],
  ['entry', 'an attribute without a name', entry({ 17: [[bytes(''), bytes('1')]] }), invalid],
  ['entry', 'one hard link', entry({ 19: 1 }), invalid],
  ['entry', 'a directory with two hard links', entry({ 1: 1, 19: 2 }), invalid],
  ['entry', 'a negative key', hex('a3 00 41 61 01 00 20 01'), cbor],
  ['entry', 'the reserved key 7', entry({ 7: 1 }), newer],
  ['entry', 'the reserved kind 7', entry({ 1: 7 }), newer],
  ['tree page', 'names out of order', pageOf(0, named('b'), named('a')), badPage],
  ['tree page', 'a name twice', pageOf(0, named('a'), named('a')), badPage],
  ['tree page', 'a byte behind its end', Buffer.concat([pageOf(0), Buffer.of(0)]), badPage],
  ['tree page', 'three elements', hex('83008000'), badPage],
  ['tree page', 'no item above level 0', pageOf(1), badPage],
  ['tree page', 'level 16', pageOf(16, encode([bytes('a'), id(1)])), badPage],
  ['list page', 'more ids than lengths', encode([0, Buffer.concat([id(1), id(2)]), [5]]), badList],
  ['list page', 'a length of 0', encode([0, id(1), [0]]), badList],
  ['list page', 'no id', encode([0, Buffer.alloc(0), []]), cbor],
  [
    'chunk table',
    'a varint that is not in its shortest form',
    table(`8200${tableStart.slice(2)}`),
    badTable,
  ],
  [
    'chunk table',
    'a block of codec 0 with other stored bytes',
    table('02 001b0c 011b64 03 0005 0007 0064'),
    badTable,
  ],
  [
    'chunk table',
    'a chunk across two blocks',
    table('02 001c0c 011a64 03 0005 0008 0063'),
    badTable,
  ],
  [
    'chunk table',
    'chunks that do not fill the last block',
    table('02 001c0c 011a64 03 0005 0007 0063'),
    badTable,
  ],
  ['chunk table', 'an empty chunk', table('02 001c0c 011a64 03 000c 0000 0064'), badTable],
  [
    'chunk table',
    'blocks that end before the table',
    table('02 001c0c 011964 03 0005 0007 0064'),
    badTable,
  ],
  [
    'chunk table',
    'a byte behind the ids',
    Buffer.concat([table(tableStart), Buffer.of(0)]),
    badTable,
  ],
  ['chunk table', 'the reserved codec 2', table('02 001c0c 021a64 03 0005 0007 0064'), newer],
  ['chunk table', 'the reserved kind 4', table('02 001c0c 011a64 03 0005 0407 0064'), newer],
  ['header', 'another magic', changed('header', 0, '76'), badHeader],
  ['header', 'a pack without a salt', changed('header', 32, '00'.repeat(32)), badHeader],
  [
    'header',
    'an encrypted pack without a key slot',
    changed('header', 11, '0000000000'),
    badHeader,
  ],
  ['header', 'slot 1 and epoch 0', changed('header', 12, '00000000'), badHeader],
  ['header', 'format version 2', changed('header', 8, '02'), newer],
  ['header', 'kind 9', changed('header', 9, '09'), newer],
  ['header', 'suite 2', changed('header', 10, '02'), newer],
  ['trailer', 'one piece too many', trailer(76, '02000000'), badTrailer],
  ['trailer', 'a piece table that begins elsewhere', trailer(64, 'f300'), badTrailer],
  ['trailer', 'pieces of another size', trailer(80, '00000200'), badTrailer],
  ['trailer', 'a byte that should be zero', trailer(84, '01'), badTrailer],
  ['records', 'no array', encode({ type: 'forget', snapshots: [] }), badRecord],
  ['records', 'a record without a type', encode([{ snapshots: [] }]), badRecord],
  [
    'records',
    'an id of 15 bytes',
    encode([{ type: 'forget', snapshots: [Buffer.alloc(15)] }]),
    badRecord,
  ],
  [
    'records',
    'a pack of five elements',
    encode([{ type: 'packs', packs: [[id(1), 9, 9, 1, 1]], session: Buffer.alloc(16) }]),
    badRecord,
  ],
  ['records', 'a fence for nobody', encode([{ type: 'fence' }]), badRecord],
  [
    'records',
    'a lineage that copies nothing',
    encode([{ type: 'lineage', reason: 'copy' }]),
    badRecord,
  ],
  [
    'records',
    'a mark that is false instead of absent',
    encode([{ type: 'other', optional: false }]),
    badRecord,
  ],
];

const made = new Map(
  refusals.map(([decoder, what, refused]) => [`${decoder}: ${what}`, toHex(refused)]),
);

if (process.env['UPDATE_VECTORS'] === '1') writeRefusals();

describe('docs/format.md section 15', () => {
  test('has the cases that are made here, and no others', () => {
    expect(made.size).toBe(refusals.length);
    expect([...readFormatRefusals()]).toEqual([...made]);
  });

  test.each(refusals)('%s: %s', (decoder, _what, refused, code) => {
    expect(() => decoders[decoder](refused)).toThrow(expect.objectContaining({ code }));
  });
});

/** What the cases were made from: with nothing wrong, each is taken. */
describe('what is refused differs in one thing from what is taken', () => {
  const sound: readonly (readonly [Decoder, string, Uint8Array])[] = [
    ['cbor', 'a value within 32 others', hex(`${'81'.repeat(32)}00`)],
    ['cbor', 'keys in order', hex('a2616101616202')],
    ['cbor', 'the integer 2^53 - 1', hex('1b001fffffffffffff')],
    ['entry', 'an empty file', entry()],
    ['entry', 'inline bytes', entry({ 9: 2, 10: bytes('ab') })],
    ['entry', 'one chunk', entry({ 9: 5, 11: id(1) })],
    ['entry', 'two', entry({ 9: 12, 11: Buffer.concat([id(1), id(2)]), 12: [5, 7] })],
    ['entry', 'a symlink', entry({ 1: 2, 14: bytes('bc') })],
    ['entry', 'an attribute', entry({ 17: [[bytes('user.a'), bytes('1')]] })],
    ['entry', 'two hard links', entry({ 19: 2 })],
    ['entry', 'a key from 128 on', entry({ 128: 0 })],
    ['tree page', 'names in order', pageOf(0, named('a'), named('b'))],
    ['tree page', 'an empty directory', pageOf(0)],
    ['tree page', 'level 15', pageOf(15, encode([bytes('a'), id(1)]))],
    ['list page', 'one id', encode([0, id(1), [5]])],
    ['chunk table', 'the one of section 14', table(tableStart)],
    ['header', 'the one of section 14', bytesOf('header')],
    ['trailer', 'the one of section 14', bytesOf('pack').subarray(-trailerBytes)],
    ['records', 'another type', encode([{ type: 'other', optional: true }])],
    [
      'records',
      'a pack',
      encode([{ type: 'packs', packs: [[id(1), 9, 9, 1, 1, id(2)]], session: Buffer.alloc(16) }]),
    ],
  ];

  test.each(sound)('%s: %s', (decoder, _what, taken) => {
    expect(() => decoders[decoder](taken)).not.toThrow();
  });
});

function writeRefusals(): void {
  const lines = [...made].flatMap(([name, value]) => [
    name,
    ...(value.match(/.{1,120}/g) ?? []).map((part) => `  ${part}`),
  ]);
  const text = readFileSync(page, 'utf8');
  const block = /(## 15\.[^]*?```text\n)[^]*?```/;
  if (!block.test(text)) throw new Error('Section 15 has no block');
  const { length } = text;
  const next = text.replace(block, (_, before: string) => `${before}${lines.join('\n')}\n\`\`\``);
  if (next.length < length - 100_000) throw new Error('Too much of the page would go');
  writeFileSync(page, next);
}
