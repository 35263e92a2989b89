import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mutationsOf, refusalOf } from '../../../test/support/hostile-bytes.ts';
import { checkpointPayloadBytesMax, type ObjectHash } from '../base/index.ts';
import { readFormatVectors } from '../../../test/support/format-vectors.ts';
import {
  type CheckpointEnvelope,
  type CheckpointPart,
  checkpointStartBytes,
  decodeCheckpointObject,
  decodeCheckpointRuns,
  decodeCheckpointStart,
  decodeRun,
  encodeCheckpointRuns,
  encodeCheckpointStart,
  encodeRun,
} from './checkpoint-object.ts';
import { encodeCbor } from './cbor.ts';
import { objectHashOf } from './header.ts';
import { decodeEntryObject, encodeEntryStart, noHash } from './journal-entry.ts';
import { decodeRecords, encodeRecords } from './journal-records.ts';

const vectors = readFormatVectors();
const bytesOf = (name: string): Buffer => Buffer.from(vectors.get(name) ?? '', 'hex');
const run = bytesOf('run');
const first = bytesOf('journal-entry');
const { lineage, header } = decodeEntryObject(first);

/** An entry that nobody has sealed: a run does not look so deep. */
function entryAfter(before: Buffer, number: number, payload?: ObjectHash): Buffer {
  const { repository, salt } = header;
  const start = { suite: 1 as const, epoch: 1, repository, salt, sealedBytes: 16 };
  const previous = number === 1 ? noHash : objectHashOf(before);
  const { entryId, writer } = decodeEntryObject(first);
  const envelope = { number, lineage, entryId, writer, time: 5, previous, payload };
  return Buffer.concat([encodeEntryStart(start, envelope), Buffer.alloc(16)]);
}

const second = entryAfter(first, 2);
const covers: CheckpointEnvelope = {
  part: 'run',
  first: 1,
  last: 2,
  lineage,
  hash: objectHashOf(second),
};

describe('the beginning of an object below checkpoints/', () => {
  test.each(['run', 'checkpoint'])('of a %s tells what it covers', (name) => {
    const object = bytesOf(name);
    const start = decodeCheckpointStart(object.subarray(0, checkpointStartBytes));
    expect(start).toMatchObject({ part: name, first: 1, last: 2, lineage });
    expect(decodeCheckpointObject(object)).toMatchObject({ hash: start.hash });
  });

  test('is read as it was written, or refused', () => {
    fc.assert(
      fc.property(mutationsOf(run.subarray(0, checkpointStartBytes)), (mutated) => {
        let written = mutated;
        const code = refusalOf(() => {
          const {
            header: own,
            sealedBytes,
            aad: _aad,
            ...envelope
          } = decodeCheckpointStart(mutated);
          const { suite, epoch, repository, salt } = own;
          const start = { suite, epoch, repository, salt, sealedBytes };
          written = Buffer.from(encodeCheckpointStart(start, envelope));
        });
        expect(code ?? written).toEqual(code ?? mutated.subarray(0, checkpointStartBytes));
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, number, number, string]>([
    ['no part', 64, 0, 'CHECKPOINT_DAMAGED'],
    ['a part of a later version', 64, 3, 'FORMAT_TOO_NEW'],
    ['something where there is nothing', 66, 1, 'CHECKPOINT_DAMAGED'],
    ['no first entry', 68, 0, 'CHECKPOINT_DAMAGED'],
    ['a first entry behind the last', 68, 3, 'CHECKPOINT_DAMAGED'],
    ['a number beyond all numbers', 83, 1, 'CHECKPOINT_DAMAGED'],
    ['a length that is too large', 135, 5, 'CHECKPOINT_DAMAGED'],
  ])('is refused with %s', (_what, at, value, code) => {
    const bytes = Buffer.from(run);
    bytes[at] = value;
    expect(refusalOf(() => decodeCheckpointStart(bytes))).toBe(code);
  });

  test('is that of a whole object only with all its bytes', () => {
    expect(refusalOf(() => decodeCheckpointObject(run.subarray(0, -1)))).toBe('CHECKPOINT_DAMAGED');
    expect(refusalOf(() => decodeCheckpointObject(Buffer.concat([run, Buffer.alloc(1)])))).toBe(
      'CHECKPOINT_DAMAGED',
    );
  });
});

describe('a run', () => {
  test('gives back its entries and their payloads', () => {
    const payload = bytesOf('payload');
    const named = entryAfter(first, 2, objectHashOf(payload));
    const plain = encodeRun([{ bytes: first }, { bytes: named, payload }]);
    const entries = decodeRun(plain, { ...covers, hash: objectHashOf(named) });
    expect(entries.map(({ bytes }) => Buffer.from(bytes))).toEqual([first, named]);
    expect(entries.map((entry) => entry.payload && Buffer.from(entry.payload))).toEqual([
      undefined,
      payload,
    ]);
    expect(entries.map(({ hash }) => hash)).toEqual([first, named].map((one) => objectHashOf(one)));
  });

  test('may leave out a payload that is too large to go along', () => {
    const named = entryAfter(first, 2, objectHashOf(second));
    const plain = encodeRun([{ bytes: first }, { bytes: named }]);
    const [, entry] = decodeRun(plain, { ...covers, hash: objectHashOf(named) });
    expect(entry?.payload).toBeUndefined();
    const payload = new Uint8Array(checkpointPayloadBytesMax + 1);
    expect(() => encodeRun([{ bytes: named, payload }])).toThrow('go along');
  });

  const plain = Buffer.from(encodeRun([{ bytes: first }, { bytes: second }]));
  test.each<[string, Buffer, Partial<CheckpointEnvelope>]>([
    ['is empty', Buffer.alloc(0), {}],
    ['is cut off', plain.subarray(0, -1), {}],
    ['ends within a length', plain.subarray(0, 5), {}],
    ['ends too early', plain.subarray(0, 8 + first.length), {}],
    ['begins elsewhere', plain, { first: 2, last: 3 }],
    ['ends elsewhere', plain, { hash: objectHashOf(first) }],
    ['ends with another number', plain, { last: 3 }],
    ['holds another lineage', plain, { lineage: '0'.repeat(32) as typeof lineage }],
    [
      'leaves an entry out',
      Buffer.from(encodeRun([{ bytes: first }, { bytes: entryAfter(second, 3) }])),
      {},
    ],
    [
      'holds a broken chain',
      Buffer.from(encodeRun([{ bytes: first }, { bytes: entryAfter(second, 2) }])),
      {},
    ],
    [
      'holds a payload of nobody',
      Buffer.from(encodeRun([{ bytes: first, payload: first }, { bytes: second }])),
      {},
    ],
  ])('is refused if it %s', (_what, bytes, other) => {
    expect(refusalOf(() => decodeRun(bytes, { ...covers, ...other }))).toBe('CHECKPOINT_DAMAGED');
  });

  test('is refused or gives what encodes to it, whatever is done to it', () => {
    fc.assert(
      fc.property(mutationsOf(plain), (mutated) => {
        let written: Uint8Array = mutated;
        refusalOf(() => (written = encodeRun(decodeRun(mutated, covers))));
        expect(Buffer.from(written)).toEqual(mutated);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the runs of a checkpoint', () => {
  const part = (from: number, last: number): CheckpointPart => ({
    name: objectHashOf(Buffer.from(String(from))),
    bytes: 1000,
    salt: new Uint8Array(32).fill(from),
    epoch: 1,
    first: from,
    last,
  });
  const runs = [part(1, 64), part(65, 80), part(81, 81)];

  test('are read as they were written', () => {
    const read = decodeCheckpointRuns(encodeCheckpointRuns(runs), { last: 81 });
    expect(read.map((one) => ({ ...one, salt: new Uint8Array(one.salt) }))).toEqual(runs);
  });

  test.each([[[]], [[part(2, 3)]], [[part(1, 2), part(4, 5)]], [[part(1, 3), part(3, 5)]]])(
    'are refused if they leave something out: %#',
    (bad) => {
      expect(() => encodeCheckpointRuns(bad)).toThrow('without a gap');
      const value = bad.map((one) => [
        Buffer.from(one.name, 'hex'),
        1,
        one.salt,
        1,
        one.first,
        one.last,
      ]);
      const plain = encodeCbor({ runs: value });
      const last = bad.at(-1)?.last ?? 0;
      expect(refusalOf(() => decodeCheckpointRuns(plain, { last }))).toBe('CHECKPOINT_DAMAGED');
    },
  );

  test('are refused if they end elsewhere', () => {
    const plain = encodeCheckpointRuns(runs);
    expect(refusalOf(() => decodeCheckpointRuns(plain, { last: 80 }))).toBe('CHECKPOINT_DAMAGED');
  });

  test('stand in a record that may be passed over', () => {
    const hash = objectHashOf(second);
    const record = { type: 'checkpoint', checkpoint: part(1, 81), hash, runs } as const;
    const bytes = encodeRecords([record]);
    expect(Buffer.from(encodeRecords(decodeRecords(bytes)))).toEqual(Buffer.from(bytes));
    expect(decodeRecords(bytesOf('checkpoint-record'))).toMatchObject([{ type: 'checkpoint' }]);
    const needed = Buffer.from(bytes).toString('latin1').replace('optional\xf5', 'optionam\xf5');
    expect(refusalOf(() => decodeRecords(Buffer.from(needed, 'latin1')))).toBe('RECORD_DAMAGED');
  });
});
