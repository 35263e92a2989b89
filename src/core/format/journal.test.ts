import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  byteStringFromText,
  byteStringOf,
  type LineageId,
  type MirrorId,
  type ObjectHash,
  type PackName,
  type RepositoryId,
  type SessionId,
  type SnapshotId,
  type WriterId,
} from '../base/index.ts';
import { encodeCbor } from './cbor.ts';
import {
  decodeEntryObject,
  decodePayloadObject,
  decodePayloadPlaintext,
  encodeEntryStart,
  encodePayloadPlaintext,
  encodePayloadStart,
  noHash,
  type EntryEnvelope,
} from './journal-entry.ts';
import { decodeRecords, encodeRecords, type JournalRecord } from './journal-records.ts';
import {
  decodeSnapshotRecord,
  encodeSnapshotRecord,
  type SnapshotRecord,
} from './snapshot-record.ts';
import {
  bytesOfLength,
  decodedOrRefused,
  encodedAgain,
  hexes,
  mutationsOf,
  refusalOf,
} from '../../../test/support/hostile-bytes.ts';

const repository = '00112233445566778899aabbccddeeff' as RepositoryId;
const salt = new Uint8Array(32).fill(9);
const count = fc.maxSafeInteger().map((value) => Math.abs(value));
const byteStrings = fc.uint8Array({ maxLength: 20 }).map((bytes) => byteStringOf(bytes));
const idNames = fc
  .uniqueArray(fc.tuple(fc.nat({ max: 70_000 }), fc.string({ maxLength: 5 })), {
    maxLength: 4,
    selector: ([id]) => id,
  })
  .map((pairs) => new Map(pairs.sort(([a], [b]) => a - b)));

const snapshots: fc.Arbitrary<SnapshotRecord> = fc.record(
  {
    id: hexes<SnapshotId>(16),
    time: count,
    finished: count,
    host: fc.string({ unit: 'grapheme', maxLength: 10 }),
    user: fc.string({ maxLength: 10 }),
    source: hexes<string>(16),
    paths: fc.array(byteStrings, { maxLength: 3 }),
    root: bytesOfLength(32),
    rootEntry: fc.constant({
      kind: 'directory' as const,
      mode: 0o755,
      mtimeSeconds: -5,
      mtimeNanos: 1,
      uid: 0,
      gid: 0,
      size: 0,
    }),
    tags: fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
    parent: hexes<SnapshotId>(16),
    partial: fc.boolean(),
    problems: count,
    missing: fc.array(byteStrings, { maxLength: 2 }),
    stats: fc.record({
      files: count,
      dirs: count,
      others: count,
      bytes: count,
      filesNew: count,
      filesChanged: count,
      filesUnchanged: count,
      bytesNew: count,
      bytesStored: count,
    }),
    users: idNames,
    groups: idNames,
    program: fc.string({ maxLength: 10 }),
  },
  {
    requiredKeys: [
      'id',
      'time',
      'finished',
      'host',
      'user',
      'source',
      'paths',
      'root',
      'tags',
      'partial',
      'problems',
      'missing',
      'stats',
      'users',
      'groups',
      'program',
    ],
  },
);

const session = hexes<SessionId>(16);
const packNames = fc.array(hexes<PackName>(32), { maxLength: 3 });
const records: fc.Arbitrary<JournalRecord> = fc.oneof<fc.Arbitrary<JournalRecord>[]>(
  fc
    .constantFrom('init' as const, 'rebuild' as const)
    .map((reason) => ({ type: 'lineage' as const, reason })),
  fc.record({
    type: fc.constant('lineage' as const),
    reason: fc.constantFrom(
      'rebuild' as const,
      'take-over' as const,
      'copy' as const,
      'clone' as const,
    ),
    parent: fc.record({
      lineage: hexes<LineageId>(16),
      number: count,
      hash: hexes<ObjectHash>(32),
    }),
  }),
  fc.record(
    {
      type: fc.constant('session' as const),
      session,
      base: count,
      parent: hexes<SnapshotId>(16),
      host: fc.string(),
    },
    { requiredKeys: ['type', 'session', 'base', 'host'] },
  ),
  fc.record({
    type: fc.constant('packs' as const),
    session,
    packs: fc.array(
      fc.record({
        name: hexes<PackName>(32),
        bytes: count,
        tableBytes: count,
        kind: fc.constantFrom('data' as const, 'tree' as const),
        chunkCount: count,
        salt: bytesOfLength(32),
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    type: fc.constant('snapshot' as const),
    session,
    record: bytesOfLength(32),
    snapshot: snapshots,
  }),
  fc.record({ type: fc.constant('end' as const), session }),
  fc.record({
    type: fc.constant('forget' as const),
    snapshots: fc.array(hexes<SnapshotId>(16), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('mirrors' as const),
    mirrors: fc.array(
      fc.record({
        id: hexes<MirrorId>(16),
        name: fc.string(),
        state: fc.constantFrom('active' as const, 'removed' as const),
      }),
      { maxLength: 2 },
    ),
  }),
  fc.record({ type: fc.constant('settings' as const), mirrorsMin: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    type: fc.constant('keys' as const),
    add: fc.array(hexes<ObjectHash>(32), { maxLength: 2 }),
    remove: fc.array(hexes<ObjectHash>(32), { maxLength: 2 }),
  }),
  fc.record({
    type: fc.constantFrom('condemn' as const, 'rescue' as const, 'swept' as const),
    packs: packNames,
  }),
  fc.record({ type: fc.constant('fence' as const), session }),
  fc.record({ type: fc.constant('fence' as const), writer: hexes<WriterId>(16) }),
);

describe('records', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(records, { maxLength: 4 }), (list) => {
        const decoded = decodeRecords(encodeRecords(list));
        expect(simple(decoded)).toEqual(simple(list));
        expect(encodeRecords(decoded)).toEqual(encodeRecords(list));
      }),
      { numRuns: 500 },
    );
  });

  test('are refused or can be written after any mutation', () => {
    const mutated = fc
      .array(records, { minLength: 1, maxLength: 3 })
      .chain((list) => mutationsOf(encodeRecords(list)));
    fc.assert(
      fc.property(mutated, (bytes) => {
        const decoded = decodedOrRefused(() => decodeRecords(bytes));
        if (decoded === undefined || decoded.some(({ type }) => type === 'unknown')) return;
        expect(simple(decodeRecords(encodeRecords(decoded)))).toEqual(simple(decoded));
      }),
      { numRuns: 5000 },
    );
  });

  test('of a newer version are told apart by whether they may be ignored', () => {
    const bytes = encodeCbor([
      { type: 'moon', x: 1 },
      { type: 'sun', optional: true },
    ]);
    expect(decodeRecords(bytes)).toEqual([
      { type: 'unknown', name: 'moon', optional: false },
      { type: 'unknown', name: 'sun', optional: true },
    ]);
  });

  test('may have more keys than are known', () => {
    const bytes = encodeCbor([{ type: 'settings', mirrorsMin: 2, more: [1] }]);
    expect(decodeRecords(bytes)).toEqual([{ type: 'settings', mirrorsMin: 2 }]);
  });

  test.each<[string, unknown]>([
    ['a reason', { type: 'lineage', reason: 'fun' }],
    ['a state', { type: 'mirrors', mirrors: [{ id: Buffer.alloc(16), name: 'm', state: 'fun' }] }],
    [
      'a kind of pack',
      {
        type: 'packs',
        session: Buffer.alloc(16),
        packs: [[Buffer.alloc(32), 1, 1, 3, 1, Buffer.alloc(32)]],
      },
    ],
  ])('with %s that no table lists are of a newer version', (_what, record) => {
    expect(refusalOf(() => decodeRecords(encodeCbor([record])))).toBe('FORMAT_TOO_NEW');
  });

  test.each<[string, unknown]>([
    ['a map', {}],
    ['no type', [{}]],
    ['a type that is a number', [{ type: 1 }]],
    ['a first lineage with a parent', [{ type: 'lineage', reason: 'init', parent: {} }]],
    ['a copy without a parent', [{ type: 'lineage', reason: 'copy' }]],
    ['a reason that is no text', [{ type: 'lineage', reason: 1 }]],
    ['no copies wanted', [{ type: 'settings', mirrorsMin: 0 }]],
    ['a fence for nobody', [{ type: 'fence' }]],
    ['a fence for two', [{ type: 'fence', session: Buffer.alloc(16), writer: Buffer.alloc(16) }]],
    [
      'a pack of kind 0',
      [
        {
          type: 'packs',
          session: Buffer.alloc(16),
          packs: [[Buffer.alloc(32), 1, 1, 0, 1, Buffer.alloc(32)]],
        },
      ],
    ],
    [
      'a negative size',
      [
        {
          type: 'packs',
          session: Buffer.alloc(16),
          packs: [[Buffer.alloc(32), -1, 1, 1, 1, Buffer.alloc(32)]],
        },
      ],
    ],
    ['half a name', [{ type: 'swept', packs: [Buffer.alloc(31)] }]],
  ])('are refused with %s', (_, value) => {
    expect(refusalOf(() => decodeRecords(encodeCbor(value)))).toBe('RECORD_DAMAGED');
  });
});

describe('a snapshot record', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const bytes = encodeSnapshotRecord(snapshot);
        expect(simple(decodeSnapshotRecord(bytes))).toEqual(simple(snapshot));
        expect(encodeSnapshotRecord(decodeSnapshotRecord(bytes))).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });

  test('of a newer version is too new; one with more keys is not', () => {
    const [snapshot] = fc.sample(snapshots, { numRuns: 1, seed: 1 });
    if (snapshot === undefined) throw new Error('A sample was expected');
    const id = Buffer.from(snapshot.id, 'hex');
    const source = Buffer.from(snapshot.source, 'hex');
    const base = {
      ...snapshot,
      id,
      source,
      paths: [],
      missing: [],
      parent: undefined,
      rootEntry: undefined,
      partial: undefined,
    };
    expect(refusalOf(() => decodeSnapshotRecord(encodeCbor({ ...base, version: 2 })))).toBe(
      'FORMAT_TOO_NEW',
    );
    expect(decodeSnapshotRecord(encodeCbor({ ...base, version: 1, later: 'x' })).id).toBe(
      snapshot.id,
    );
    expect(
      refusalOf(() => decodeSnapshotRecord(encodeCbor({ ...base, version: 1, root: 1 }))),
    ).toBe('SNAPSHOT_DAMAGED');
  });
});

describe('a journal entry', () => {
  const sealed = Buffer.alloc(50, 3);
  const start = { suite: 1 as const, epoch: 1, repository, salt };
  const envelope: EntryEnvelope = {
    number: 7,
    lineage: '11'.repeat(16) as LineageId,
    entryId: '22'.repeat(16),
    writer: '33'.repeat(16) as WriterId,
    time: 1_700_000_000_000,
    previous: '44'.repeat(32) as ObjectHash,
    payload: undefined,
  };
  const bytes = Buffer.concat([encodeEntryStart({ ...start, sealedBytes: 50 }, envelope), sealed]);

  test('is read as it was written', () => {
    const { header, aad, sealed: part, ...rest } = decodeEntryObject(bytes);
    expect(rest).toEqual(envelope);
    expect(header).toMatchObject({ kind: 'journal-entry', epoch: 1, suite: 1 });
    expect(Buffer.concat([aad, part])).toEqual(bytes);
    expect(aad.byteLength).toBe(196);
  });

  test('names its payload if that is an object', () => {
    const payload = '55'.repeat(32) as ObjectHash;
    const named = { ...envelope, payload };
    const object = Buffer.concat([
      encodeEntryStart({ ...start, sealedBytes: 16 }, named),
      Buffer.alloc(16),
    ]);
    expect(decodeEntryObject(object).payload).toBe(payload);
    expect(() => encodeEntryStart({ ...start, sealedBytes: 50 }, named)).toThrow('here or there');
  });

  test('number 1 and only that has none before it', () => {
    expect(() =>
      encodeEntryStart({ ...start, sealedBytes: 50 }, { ...envelope, number: 1 }),
    ).toThrow('before');
    expect(() =>
      encodeEntryStart({ ...start, sealedBytes: 50 }, { ...envelope, previous: noHash }),
    ).toThrow('before');
    const first = { ...envelope, number: 1, previous: noHash };
    const object = Buffer.concat([encodeEntryStart({ ...start, sealedBytes: 50 }, first), sealed]);
    expect(decodeEntryObject(object).previous).toBe(noHash);
  });

  test('is refused or has one encoding after any mutation', () => {
    fc.assert(
      fc.property(mutationsOf(bytes), (mutated) => {
        const decoded = decodedOrRefused(() => decodeEntryObject(mutated));
        if (decoded === undefined) return;
        const { suite, epoch, salt: drawn } = decoded.header;
        const again = encodeEntryStart(
          {
            suite,
            epoch,
            salt: drawn,
            repository: decoded.header.repository,
            sealedBytes: decoded.sealed.byteLength,
          },
          decoded,
        );
        expect(Buffer.concat([again, decoded.sealed])).toEqual(mutated);
      }),
      { numRuns: 3000 },
    );
  });

  test('has payload objects beside it', () => {
    const object = Buffer.concat([encodePayloadStart({ ...start, sealedBytes: 50 }), sealed]);
    const decoded = decodePayloadObject(object);
    expect(Buffer.concat([decoded.aad, decoded.sealed])).toEqual(object);
    fc.assert(
      fc.property(mutationsOf(object), (mutated) => {
        const joined = encodedAgain(mutated, decodePayloadObject, (again) =>
          Buffer.concat([again.aad, again.sealed]),
        );
        expect(joined).toEqual(mutated);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the plaintext of a payload', () => {
  test('is read as it was written', () => {
    const raw = encodePayloadPlaintext({ codec: 0, bytes: Buffer.from('abc') }, 3);
    expect(decodePayloadPlaintext(raw)).toEqual({
      codec: 0,
      plainBytes: 3,
      encoded: Buffer.from('abc'),
    });
    const packed = encodePayloadPlaintext({ codec: 1, bytes: Buffer.from('abc') }, 1000);
    expect(decodePayloadPlaintext(packed)).toMatchObject({ codec: 1, plainBytes: 1000 });
  });

  test.each(['', '00', '0003000000', '000300000061', '010100000400'])(
    'is refused if it is %s',
    (hex) => {
      expect(refusalOf(() => decodePayloadPlaintext(Buffer.from(hex, 'hex')))).toBe(
        'PAYLOAD_DAMAGED',
      );
    },
  );

  test('is of a newer version if its codec is not known', () => {
    const bytes = Buffer.from('0203000000616263', 'hex');
    expect(refusalOf(() => decodePayloadPlaintext(bytes))).toBe('FORMAT_TOO_NEW');
  });

  test('is not written with lengths that do not fit', () => {
    const bytes = Buffer.from('abc');
    expect(() => encodePayloadPlaintext({ codec: 0, bytes }, 4)).toThrow('fit');
    expect(() => encodePayloadPlaintext({ codec: 1, bytes }, 65 * 1024 * 1024)).toThrow('too many');
  });
});

test('text of a name may hold anything', () => {
  const [snapshot] = fc.sample(snapshots, { numRuns: 1, seed: 2 });
  if (snapshot === undefined) throw new Error('A sample was expected');
  const odd = { ...snapshot, tags: ['\ufeffmark', 'ä€😀'], paths: [byteStringFromText('/home/ä')] };
  expect(decodeSnapshotRecord(encodeSnapshotRecord(odd))).toMatchObject({
    tags: odd.tags,
    paths: odd.paths,
  });
});

/** Without the difference between kinds of byte arrays, absent and undefined, false and absent. */
function simple(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return [...(value as Map<number, string>)];
  if (Array.isArray(value)) return value.map((item) => simple(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([, item]) => item !== undefined && item !== false)
    .map(([key, item]): [string, unknown] => [key, simple(item)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
