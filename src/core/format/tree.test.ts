import { encode as cborgEncode, rfc8949EncodeOptions } from 'cborg';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteStringOf, bytesOfByteString, type ByteString } from '../base/index.ts';
import type { CborValue } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import { decodeCbor } from './cbor.ts';
import {
  encodeEntry,
  decodeEntry,
  decodeRootEntry,
  encodeEntryState,
  encodeRootEntry,
} from './entry-codec.ts';
import {
  bytesOfLength,
  decodedOrRefused,
  encodedAgain,
  mutationsOf,
  refusalOf,
} from '../../../test/support/hostile-bytes.ts';
import {
  decodeTreePage,
  encodeTreePage,
  isLeafPage,
  writePageChild,
  type TreePage,
} from './tree-page.ts';
import { entryKinds, type TreeEntry, type Xattr } from './tree-entry.ts';
import { decodeXattrs, encodeXattrs } from './xattrs.ts';

const names = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => byteStringOf(bytes))
  .filter((name) => name !== '.' && name !== '..' && !/[/\0]/.test(name));
const nanos = fc.nat({ max: 999_999_999 });
const u32 = fc.nat({ max: 0xffff_ffff });
const xattrLists = fc
  .uniqueArray(fc.record({ name: names, value: fc.uint8Array({ maxLength: 60 }) }), {
    minLength: 1,
    maxLength: 5,
    selector: ({ name }) => name,
  })
  .map((xattrs): Xattr[] => xattrs.sort((a, b) => (a.name < b.name ? -1 : 1)));

const commonFields = fc.record(
  {
    name: names,
    mode: fc.nat({ max: 0o7777 }),
    mtimeSeconds: fc.oneof(fc.constant(0), fc.maxSafeInteger()),
    mtimeNanos: nanos,
    uid: u32,
    gid: u32,
    fileId: bytesOfLength(16),
    birthSeconds: fc.maxSafeInteger().filter((seconds) => seconds !== 0),
    birthNanos: nanos.filter((part) => part !== 0),
    remarks: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['name', 'mode', 'mtimeSeconds', 'mtimeNanos', 'uid', 'gid'] },
);
const attributes = fc.oneof(
  fc.constant({}),
  xattrLists.map((xattrs) => ({ xattrs })),
  bytesOfLength(32).map((xattrsRef) => ({ xattrsRef })),
);
const fileContents = fc.oneof(
  fc.constant({ size: 0 }),
  fc
    .uint8Array({ minLength: 1, maxLength: 256 })
    .map((inline) => ({ size: inline.length, inline })),
  fc
    .array(fc.integer({ min: 1, max: 16 * 1024 * 1024 }), { minLength: 1, maxLength: 64 })
    .map((lengths) => ({
      size: lengths.reduce((sum, length) => sum + length, 0),
      chunks: new Uint8Array(32 * lengths.length).fill(lengths.length),
      lengths,
    })),
  fc
    .tuple(bytesOfLength(32), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }))
    .map(([list, size]) => ({ size, list })),
);
const links = fc.oneof(
  fc.constant({}),
  fc.integer({ min: 2, max: 70_000 }).map((linkCount) => ({ linkCount })),
);
const kinds = fc.oneof(
  fc
    .tuple(fileContents, links, fc.constantFrom({}, { sparse: true }, { flags: 16 }))
    .map(([content, link, more]) => ({ kind: 'file' as const, ...content, ...link, ...more })),
  fc
    .oneof(
      fc.constant({}),
      bytesOfLength(32).map((tree) => ({ tree })),
    )
    .map((tree) => ({
      kind: 'directory' as const,
      size: 0,
      ...tree,
    })),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 80, min: 1 }), links).map(([target, link]) => ({
    kind: 'symlink' as const,
    size: 0,
    target,
    ...link,
  })),
  fc.constantFrom('fifo' as const, 'socket' as const).map((kind) => ({ kind, size: 0 })),
  fc
    .tuple(fc.constantFrom('character-device' as const, 'block-device' as const), u32, u32)
    .map(([kind, major, minor]) => ({ kind, size: 0, device: [major, minor] as const })),
);
const entries: fc.Arbitrary<TreeEntry> = fc
  .tuple(commonFields, attributes, kinds)
  .map(([common, attribute, kind]) => ({ ...common, ...attribute, ...kind }));

const example: TreeEntry = {
  name: 'report.txt' as ByteString,
  kind: 'file',
  mode: 0o644,
  mtimeSeconds: 1_700_000_000,
  mtimeNanos: 123,
  uid: 1000,
  gid: 1000,
  size: 5,
  inline: Buffer.from('hello'),
};

describe('an entry', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const decoded = decodeEntry(encodeEntry(entry));
        expect(comparable(decoded)).toEqual(comparable(entry));
        expect(encodeEntry(decoded)).toEqual(encodeEntry(entry));
      }),
      { numRuns: 1000 },
    );
  });

  test('has the encoding that a general encoder gives the map of the specification', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        expect(encodeEntry(entry)).toEqual(Buffer.from(encodeAsSpecified(entry)));
      }),
      { numRuns: 1000 },
    );
  });

  test('is refused if a mutation makes it anything that would be written otherwise', () => {
    fc.assert(
      fc.property(
        entries.chain((entry) => mutationsOf(encodeEntry(entry))),
        (bytes) => {
          if (hasLaterKeys(bytes)) return;
          expect(encodedAgain(bytes, decodeEntry, encodeEntry)).toEqual(bytes);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test.each<[string, Map<number, unknown>]>([
    ['no name', new Map<number, unknown>([[1, 0]])],
    ['no kind', new Map<number, unknown>([[0, Buffer.from('a')]])],
    ['the name ..', named('..')],
    ['the name .', named('.')],
    ['a name with a slash', named('a/b')],
    ['a name with a NUL', named('a\0b')],
    ['a name of 4,097 bytes', named('a'.repeat(4097))],
    ['an empty name', named('')],
    [
      'a name that is text',
      new Map<number, unknown>([
        [0, 'a'],
        [1, 0],
      ]),
    ],
    ['a mode of zero', named('a', [2, 0])],
    ['a mode of more than 12 bits', named('a', [2, 0o10000])],
    ['a negative mode', named('a', [2, -1])],
    ['a billion nanoseconds', named('a', [4, 1_000_000_000])],
    ['two contents', named('a', [9, 1], [10, Buffer.from('x')], [11, Buffer.alloc(32)])],
    ['inline content of another size', named('a', [9, 2], [10, Buffer.from('x')])],
    ['inline content of 257 bytes', named('a', [9, 257], [10, Buffer.alloc(257)])],
    ['half a chunk id', named('a', [9, 1], [11, Buffer.alloc(33)])],
    ['65 chunks', named('a', [9, 65], [11, Buffer.alloc(65 * 32)], [12, Array(65).fill(1)])],
    ['two chunks without lengths', named('a', [9, 2], [11, Buffer.alloc(64)])],
    ['lengths that do not add up', named('a', [9, 3], [11, Buffer.alloc(64)], [12, [1, 1]])],
    ['a length of zero', named('a', [9, 1], [11, Buffer.alloc(64)], [12, [0, 1]])],
    ['a length for a single chunk', named('a', [9, 1], [11, Buffer.alloc(32)], [12, [1]])],
    ['lengths without chunks', named('a', [9, 2], [12, [1, 1]])],
    ['a target', named('a', [14, Buffer.from('b')])],
    ['a tree', named('a', [15, Buffer.alloc(32)])],
    ['device numbers', named('a', [16, [1, 2]])],
    [
      'attributes out of order',
      named('a', [
        17,
        [
          [Buffer.from('b'), Buffer.of()],
          [Buffer.from('a'), Buffer.of()],
        ],
      ]),
    ],
    ['no attributes', named('a', [17, []])],
    ['4,100 bytes of attributes', named('a', [17, [[Buffer.from('b'), Buffer.alloc(4100)]]])],
    [
      'attributes twice',
      named('a', [17, [[Buffer.from('b'), Buffer.of()]]], [18, Buffer.alloc(32)]),
    ],
    ['one hard link', named('a', [19, 1])],
    ['a short file id', named('a', [20, Buffer.alloc(15)])],
    ['a mark for sparse files that is false', named('a', [24, false])],
  ])('of a file is refused with %s', (_, map) => {
    const bytes = cborgEncode(map, rfc8949EncodeOptions);
    expect(refusalOf(() => decodeEntry(bytes))).toMatch(/^(ENTRY_INVALID|CBOR_INVALID)$/);
  });

  test.each<[string, readonly [number, unknown][]]>([
    [
      'a directory with a size',
      [
        [1, 1],
        [9, 1],
      ],
    ],
    [
      'a directory with hard links',
      [
        [1, 1],
        [19, 2],
      ],
    ],
    [
      'a directory with a half id as tree',
      [
        [1, 1],
        [15, Buffer.alloc(16)],
      ],
    ],
    [
      'a FIFO that is sparse',
      [
        [1, 3],
        [24, true],
      ],
    ],
    ['a symlink without a target', [[1, 2]]],
    [
      'a symlink with an empty target',
      [
        [1, 2],
        [14, Buffer.alloc(0)],
      ],
    ],
    [
      'a symlink with a NUL in its target',
      [
        [1, 2],
        [14, Buffer.from('a\0b')],
      ],
    ],
    [
      'an extended attribute with a NUL in its name',
      [
        [1, 0],
        [17, [[Buffer.from('user.a\0b'), Buffer.of(1)]]],
      ],
    ],
    [
      'a symlink with a target of 65,537 bytes',
      [
        [1, 2],
        [14, Buffer.alloc(65_537, 1)],
      ],
    ],
    [
      'a symlink with inode flags',
      [
        [1, 2],
        [14, Buffer.of(1)],
        [23, 1],
      ],
    ],
    ['a device without numbers', [[1, 4]]],
    [
      'a device with a number beyond 32 bits',
      [
        [1, 4],
        [16, [2 ** 32, 1]],
      ],
    ],
    [
      'a device with three numbers',
      [
        [1, 5],
        [16, [1, 2, 3]],
      ],
    ],
    [
      'attributes out of order',
      [
        [1, 6],
        [
          17,
          [
            [Buffer.of(2), Buffer.of()],
            [Buffer.of(1), Buffer.of()],
          ],
        ],
      ],
    ],
    [
      'an attribute of three parts',
      [
        [1, 6],
        [17, [[Buffer.of(2), Buffer.of(), 1]]],
      ],
    ],
  ])('is refused: %s', (_, pairs) => {
    const map = new Map<number, unknown>([[0, Buffer.from('a')], ...pairs]);
    const bytes = cborgEncode(map, rfc8949EncodeOptions);
    expect(refusalOf(() => decodeEntry(bytes))).toMatch(
      /^(ENTRY_INVALID|CBOR_INVALID|XATTRS_DAMAGED)$/,
    );
  });

  test.each([7, 8, 26, 127])('is too new with the reserved key %i', (key) => {
    const bytes = cborgEncode(named('a', [key, 1]), rfc8949EncodeOptions);
    expect(refusalOf(() => decodeEntry(bytes))).toBe('FORMAT_TOO_NEW');
  });

  test('is too new with a reserved kind', () => {
    const bytes = cborgEncode(
      new Map<number, unknown>([
        [0, Buffer.from('a')],
        [1, 7],
      ]),
      rfc8949EncodeOptions,
    );
    expect(refusalOf(() => decodeEntry(bytes))).toBe('FORMAT_TOO_NEW');
  });

  test('may hold keys from 128 on, which are passed over', () => {
    const bytes = cborgEncode(named('a', [128, { any: ['thing'] }]), rfc8949EncodeOptions);
    expect(decodeEntry(bytes).name).toBe('a');
  });

  test('is not written if it could not be read', () => {
    const wrong: Partial<TreeEntry>[] = [
      { name: '..' as ByteString },
      { mode: 0o10000 },
      { size: 6 },
      { mtimeNanos: 1.5 },
      { mtimeSeconds: Number.NaN },
      { kind: 'directory' },
      { tree: new Uint8Array(32) },
      { fileId: new Uint8Array(4) },
      { linkCount: 0 },
    ];
    for (const change of wrong) {
      expect(() => encodeEntry({ ...example, ...change })).toThrow('cannot be stored');
    }
  });

  test('has a state without name and file id', () => {
    const renamed: TreeEntry = { ...example, name: 'b' as ByteString, fileId: new Uint8Array(16) };
    expect(encodeEntryState(renamed)).toEqual(encodeEntryState(example));
    expect(encodeEntryState({ ...example, mode: 0o600 })).not.toEqual(encodeEntryState(example));
  });

  test('of the root has neither name nor tree', () => {
    const { name: _, inline: __, ...rest } = example;
    const root = { ...rest, kind: 'directory' as const, size: 0 };
    expect(decodeRootEntry(encodeRootEntry(root))).toMatchObject(root);
    expect(refusalOf(() => decodeRootEntry(encodeEntry(example)))).toBe('ENTRY_INVALID');
    expect(refusalOf(() => decodeEntry(encodeRootEntry(root)))).toBe('ENTRY_INVALID');
  });
});

describe('large extended attributes', () => {
  test('are read as they were written, strictly', () => {
    fc.assert(
      fc.property(xattrLists, (xattrs) => {
        const bytes = encodeXattrs(xattrs);
        const decoded = decodeXattrs(bytes);
        expect(Buffer.from(encodeXattrs(decoded))).toEqual(Buffer.from(bytes));
        expect(decoded.map(({ name }) => name)).toEqual(xattrs.map(({ name }) => name));
      }),
    );
    fc.assert(
      fc.property(
        xattrLists.chain((xattrs) => mutationsOf(encodeXattrs(xattrs))),
        (bytes) => {
          expect(encodedAgain(bytes, decodeXattrs, encodeXattrs)).toEqual(bytes);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a tree page', () => {
  const pages = fc
    .uniqueArray(entries, { maxLength: 6, selector: ({ name }) => name })
    .map((list) => pageOf(list.sort((a, b) => (a.name < b.name ? -1 : 1))));

  test('is read as it was written', () => {
    fc.assert(
      fc.property(pages, (bytes) => {
        const page = decodeTreePage(bytes);
        expect(isLeafPage(page) && pageOf(page.entries)).toEqual(bytes);
      }),
    );
  });

  test('is refused if a mutation makes it anything that would be written otherwise', () => {
    fc.assert(
      fc.property(
        pages.chain((bytes) => mutationsOf(bytes)),
        (bytes) => {
          if (hasLaterKeys(bytes)) return;
          expect(encodedAgain(bytes, decodeTreePage, encodePage)).toEqual(bytes);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test('refuses entries out of order, deep nesting and what follows it', () => {
    const b = { ...example, name: 'b' as ByteString };
    const a = { ...example, name: 'a' as ByteString };
    expect(refusalOf(() => decodeTreePage(pageOf([b, a])))).toBe('PAGE_DAMAGED');
    expect(refusalOf(() => decodeTreePage(pageOf([a, a])))).toBe('PAGE_DAMAGED');
    expect(refusalOf(() => decodeTreePage(Buffer.concat([pageOf([a]), Buffer.of(0)])))).toBe(
      'PAGE_DAMAGED',
    );
    expect(refusalOf(() => decodeTreePage(encodeTreePage(16, 0, Buffer.of())))).toBe(
      'PAGE_DAMAGED',
    );
    expect(refusalOf(() => decodeTreePage(encodeTreePage(1, 0, Buffer.of())))).toBe('PAGE_DAMAGED');
    const pairs = (...firsts: string[]): Buffer =>
      Buffer.concat(
        firsts.map((name) =>
          cborgEncode([Buffer.from(name), Buffer.alloc(32)], rfc8949EncodeOptions),
        ),
      );
    expect(decodeTreePage(encodeTreePage(1, 2, pairs('a', 'b'))).level).toBe(1);
    expect(refusalOf(() => decodeTreePage(encodeTreePage(1, 2, pairs('b', 'a'))))).toBe(
      'PAGE_DAMAGED',
    );
    const triple = cborgEncode([Buffer.of(1), Buffer.alloc(32), 0], rfc8949EncodeOptions);
    expect(refusalOf(() => decodeTreePage(encodeTreePage(1, 1, triple)))).toBe('PAGE_DAMAGED');
    expect(refusalOf(() => decodeTreePage(Buffer.from('83000000', 'hex')))).toBe('PAGE_DAMAGED');
    const child = cborgEncode([Buffer.from('..'), Buffer.alloc(32)], rfc8949EncodeOptions);
    expect(refusalOf(() => decodeTreePage(encodeTreePage(1, 1, child)))).toBe('PAGE_DAMAGED');
  });

  test('is 820080 in a directory that is empty', () => {
    expect(decodeTreePage(Buffer.from('820080', 'hex'))).toEqual({ level: 0, entries: [] });
  });
});

function encodePage(page: TreePage): Uint8Array {
  if (isLeafPage(page)) return pageOf(page.entries);
  const writer = new CborWriter();
  for (const child of page.children) writePageChild(writer, child);
  return encodeTreePage(page.level, page.children.length, writer.toBytes());
}

function pageOf(list: readonly TreeEntry[]): Uint8Array {
  return encodeTreePage(0, list.length, Buffer.concat(list.map((entry) => encodeEntry(entry))));
}

/** True for keys from 128 on, which are passed over and so are not written again. */
function hasLaterKeys(bytes: Uint8Array): boolean {
  const value = decodedOrRefused(() => decodeCbor(bytes));
  return value !== undefined && holdsLaterKeys(value);
}

function holdsLaterKeys(value: CborValue): boolean {
  if (Array.isArray(value)) return value.some((item: CborValue) => holdsLaterKeys(item));
  return value instanceof Map && [...(value.keys() as Iterable<number>)].some((key) => key >= 128);
}

/** A file with a name and whatever other keys. */
function named(name: string, ...others: readonly [number, unknown][]): Map<number, unknown> {
  return new Map<number, unknown>([[0, Buffer.from(name, 'latin1')], [1, 0], ...others]);
}

/** Section 9 of docs/format.md, straight. */
function encodeAsSpecified(entry: TreeEntry): Uint8Array {
  const several = entry.lengths !== undefined && entry.lengths.length > 1;
  const pairs: [number, unknown][] = [
    [0, bytesOfByteString(entry.name)],
    [1, entryKinds.indexOf(entry.kind)],
    [2, entry.mode],
    [3, entry.mtimeSeconds],
    [4, entry.mtimeNanos],
    [5, entry.uid],
    [6, entry.gid],
    [9, entry.size],
    [10, entry.inline],
    [11, entry.chunks],
    [12, several ? entry.lengths : undefined],
    [13, entry.list],
    [14, entry.target],
    [15, entry.tree],
    [16, entry.device],
    [17, entry.xattrs?.map(({ name, value }) => [bytesOfByteString(name), value])],
    [18, entry.xattrsRef],
    [19, entry.linkCount],
    [20, entry.fileId],
    [21, entry.birthSeconds],
    [22, entry.birthNanos],
    [23, entry.flags],
    [24, entry.sparse],
    [25, entry.remarks],
  ];
  const present = pairs.filter(([key, value]) => value !== undefined && (key === 1 || value !== 0));
  return cborgEncode(new Map(present), rfc8949EncodeOptions);
}

function comparable(entry: TreeEntry): unknown {
  return Object.entries(entry)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]): [string, unknown] => [key, simple(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function simple(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((item) => simple(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([key, item]) => [key, simple(item)]);
}
