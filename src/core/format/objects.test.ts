import { createHash, createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MirrorId, RepositoryId } from '../base/index.ts';
import { decodeConfig, encodeConfig, type RepositoryConfig } from './config-object.ts';
import { decodeObjectHeader, encodeObjectHeader, objectHashOf, type ObjectKind } from './header.ts';
import { decodeKeyObject, encodeKeyObjectStart, type KeyParameters } from './key-object.ts';
import { decodeMarker, encodeMarker } from './marker-object.ts';
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
const macOf = (bytes: Uint8Array): Buffer => createHmac('sha256', 'key').update(bytes).digest();

describe('the header', () => {
  const header = encodeObjectHeader({ kind: 'data-pack', suite: 1, epoch: 3, repository, salt });

  test('has every field in its place', () => {
    expect(header.toString('hex')).toBe(
      `56455253494f4e530101010103000000${repository}${Buffer.from(salt).toString('hex')}`,
    );
  });

  test('is read as it was written', () => {
    const kinds = fc.constantFrom<ObjectKind>('data-pack', 'tree-pack', 'journal-entry', 'payload');
    const salts = bytesOfLength(32).filter((bytes) => bytes.some((byte) => byte > 0));
    const fields = fc.record({
      kind: kinds,
      suite: fc.constantFrom(0 as const, 1 as const),
      epoch: fc.integer({ min: 1, max: 0xffff_ffff }),
      repository: hexes<RepositoryId>(16),
      salt: salts,
    });
    fc.assert(
      fc.property(fields, (given) => {
        const decoded = decodeObjectHeader(encodeObjectHeader(given));
        expect(decoded).toEqual({
          ...given,
          epoch: given.suite === 0 ? 0 : given.epoch,
          slot: given.suite === 0 ? 'none' : 'epoch',
        });
      }),
    );
  });

  test('is refused or read as it would be written after any mutation', () => {
    fc.assert(
      fc.property(mutationsOf(header), (bytes) => {
        const again = encodedAgain(
          bytes.subarray(0, 64),
          (given) => decodeObjectHeader(given),
          encodeObjectHeader,
        );
        expect(again).toEqual(bytes.subarray(0, 64));
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    [0, 0, 'HEADER_DAMAGED'],
    [8, 0, 'HEADER_DAMAGED'],
    [8, 2, 'FORMAT_TOO_NEW'],
    [9, 0, 'HEADER_DAMAGED'],
    [9, 9, 'FORMAT_TOO_NEW'],
    [10, 2, 'FORMAT_TOO_NEW'],
    [10, 0, 'HEADER_DAMAGED'],
    [11, 0, 'HEADER_DAMAGED'],
    [11, 2, 'HEADER_DAMAGED'],
    [11, 4, 'FORMAT_TOO_NEW'],
    [12, 0, 'HEADER_DAMAGED'],
  ])('with byte %i set to %i is refused as %s', (at, value, code) => {
    const changed = Buffer.from(header);
    changed[at] = value;
    expect(refusalOf(() => decodeObjectHeader(changed))).toBe(code);
  });

  test('is refused when it is cut, or of another kind or repository than asked for', () => {
    expect(refusalOf(() => decodeObjectHeader(header.subarray(0, 63)))).toBe('HEADER_DAMAGED');
    const kinds = ['tree-pack'] as const;
    expect(refusalOf(() => decodeObjectHeader(header, { kinds }))).toBe('HEADER_UNEXPECTED');
    const other = '0'.repeat(32) as RepositoryId;
    expect(refusalOf(() => decodeObjectHeader(header, { repository: other }))).toBe(
      'HEADER_UNEXPECTED',
    );
  });

  test('is not written without a salt where one is needed', () => {
    expect(() => encodeObjectHeader({ kind: 'payload', suite: 1, epoch: 1, repository })).toThrow(
      'salt',
    );
    expect(() => encodeObjectHeader({ kind: 'payload', suite: 1, repository, salt })).toThrow(
      'key slot',
    );
    expect(() => encodeObjectHeader({ kind: 'config', suite: 1, repository, salt })).toThrow(
      'salt',
    );
  });

  test('names objects by the SHA-256 of all their bytes', () => {
    const expected = createHash('sha256').update('abc').digest('hex');
    expect(objectHashOf(Buffer.from('a'), Buffer.from('bc'))).toBe(expected);
  });
});

describe('config', () => {
  const config: RepositoryConfig = {
    repository,
    suite: 1,
    created: 1_700_000_000_000,
    chunkBytesAvg: 1_048_576,
    blockBytes: 1_048_576,
    inlineBytes: 256,
  };
  const bytes = encodeConfig(config, macOf);

  test('is read as it was written, with what its MAC covers', () => {
    const decoded = decodeConfig(bytes);
    expect(decoded.config).toEqual(config);
    expect(Buffer.from(decoded.mac)).toEqual(macOf(decoded.macInput));
    expect(decoded.macInput.byteLength).toBe(bytes.byteLength - 64);
  });

  test('is refused after any mutation, because it carries its hash', () => {
    fc.assert(
      fc.property(mutationsOf(bytes), (mutated) => {
        const decoded = decodedOrRefused(() => decodeConfig(mutated));
        expect(decoded === undefined || mutated.equals(bytes)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('is refused with a body that makes no sense, even if the hash fits', () => {
    const body = bytes.subarray(68, bytes.byteLength - 64);
    fc.assert(
      fc.property(mutationsOf(body), (mutated) => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(mutated.byteLength);
        const parts = [bytes.subarray(0, 64), length, mutated, Buffer.alloc(32)];
        const forged = Buffer.concat([
          ...parts,
          createHash('sha256').update(Buffer.concat(parts)).digest(),
        ]);
        const decoded = decodedOrRefused(() => decodeConfig(forged));
        if (decoded === undefined) return;
        const { chunkBytesAvg, blockBytes, inlineBytes } = decoded.config;
        expect(Number.isInteger(Math.log2(chunkBytesAvg))).toBe(true);
        expect(chunkBytesAvg).toBeLessThanOrEqual(4 * 1024 * 1024);
        expect(blockBytes).toBeLessThanOrEqual(16 * 1024 * 1024);
        expect(inlineBytes).toBeLessThanOrEqual(256);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    { chunkBytesAvg: 1000 },
    { chunkBytesAvg: 2048 },
    { chunkBytesAvg: 8_388_608 },
    { blockBytes: 0 },
    { inlineBytes: 257 },
  ])('is not written with %o', (change) => {
    expect(() => encodeConfig({ ...config, ...change }, macOf)).toThrow('cannot be written');
  });
});

describe('the marker', () => {
  const marker = { repository, suite: 0 as const, mirror: 'ab'.repeat(16) as MirrorId, created: 5 };
  const bytes = encodeMarker(marker);

  test('is read as it was written', () => {
    expect(decodeMarker(bytes)).toEqual(marker);
  });

  test('is refused after any mutation', () => {
    fc.assert(
      fc.property(mutationsOf(bytes), (mutated) => {
        const decoded = decodedOrRefused(() => decodeMarker(mutated));
        expect(decoded === undefined || mutated.equals(bytes)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('is not a config, nor the other way round', () => {
    expect(refusalOf(() => decodeConfig(bytes))).toBe('HEADER_UNEXPECTED');
  });
});

describe('a key object', () => {
  const parameters: KeyParameters[] = [
    { kdf: 'argon2id', created: 1, version: 19, passes: 3, memoryKiB: 262_144, lanes: 1 },
    { kdf: 'hkdf', created: 2 },
    { kdf: 'none', created: 3 },
  ];
  const sealed = Buffer.alloc(100, 7);

  test.each(parameters)('with %o is read as it was written', (given) => {
    const start = encodeKeyObjectStart({ repository, salt, sealedBytes: 100 }, given);
    const decoded = decodeKeyObject(Buffer.concat([start, sealed]));
    expect(decoded.parameters).toEqual(given);
    expect(Buffer.from(decoded.aad)).toEqual(Buffer.from(start));
    expect(decoded.sealed).toEqual(sealed);
    expect(decoded.header.suite).toBe(given.kdf === 'none' ? 0 : 1);
  });

  test.each(parameters)('with %o is refused or makes sense after any mutation', (given) => {
    const start = encodeKeyObjectStart({ repository, salt, sealedBytes: 100 }, given);
    fc.assert(
      fc.property(mutationsOf(Buffer.concat([start, sealed])), (bytes) => {
        const decoded = decodedOrRefused(() => decodeKeyObject(bytes));
        if (decoded === undefined) return;
        expect(Buffer.concat([decoded.aad, decoded.sealed])).toEqual(bytes);
        expect(decoded.sealed.byteLength).toBeGreaterThanOrEqual(16);
      }),
      { numRuns: 1000 },
    );
  });

  test('does not claim another slot than its parameters', () => {
    const start = encodeKeyObjectStart(
      { repository, salt, sealedBytes: 100 },
      { kdf: 'hkdf', created: 2 },
    );
    const bytes = Buffer.concat([start, sealed]);
    bytes[11] = 2;
    expect(refusalOf(() => decodeKeyObject(bytes))).toBe('KEY_OBJECT_DAMAGED');
  });
});
