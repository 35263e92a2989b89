import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { RepositoryId } from '../../src/core/base/index.ts';
import { decompress } from '../../src/core/compression/index.ts';
import { decodeKeyFile, MasterBundle } from '../../src/core/crypto/index.ts';
import type { ErrorKind } from '../../src/core/errors/index.ts';
import {
  badPieces,
  checkPieceTable,
  declaredBytes,
  decodeCheckpointObject,
  decodeCheckpointRuns,
  decodeChunkTable,
  decodeConfig,
  decodeEntry,
  decodeEntryObject,
  decodeKeyObject,
  decodeListPage,
  decodeMarker,
  decodeObjectHeader,
  decodePackTrailer,
  decodePayloadObject,
  decodePayloadPlaintext,
  decodeRecords,
  decodeRun,
  decodeSnapshotRecord,
  decodeTreePage,
  decodeXattrs,
  encodeCheckpointRuns,
  encodeEntry,
  encodeRun,
  encodeSnapshotRecord,
  encodeXattrs,
  headerBytes,
  type MirrorPart,
  objectHashOf,
  parseObjectName,
  quarantinedKey,
  trailerBytes,
} from '../../src/core/format/index.ts';
import { decodeCbor } from '../../src/core/format/cbor.ts';
import { decodeRootEntry, encodeRootEntry } from '../../src/core/format/entry-codec.ts';
import { readFormatVectors } from '../support/format-vectors.ts';
import { parseCbor } from './cbor-node.ts';
import { mutateBytes, mutateCbor } from './mutate.ts';
import type { Dice } from './dice.ts';
import { recordSeeds, richEntries } from './seeds.ts';

type Mutate = (bytes: Uint8Array, others: readonly Uint8Array[], dice: Dice) => Uint8Array;

/** A decoder, what honest input of it looks like, and how to spoil that. */
export interface FuzzTarget {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly mutate: Mutate;
  /** What was accepted in the only form in which it may be written, where that can be told. */
  readonly encode?: (bytes: Uint8Array) => Uint8Array;
  /** Default: `Corrupt` and `Unsupported`. */
  readonly kinds?: readonly ErrorKind[];
  /** Bytes that may be taken for an input beyond 64 times its own length; default: 64 KiB. */
  readonly room?: number;
}

const vectors = readFormatVectors();
const repository = '000102030405060708090a0b0c0d0e0f' as RepositoryId;
const seed = (...names: readonly string[]): Uint8Array[] =>
  names.map((name) => Buffer.from(vectors.get(name) ?? '', 'hex'));

/** An object in clear that begins with a header, length and CBOR; `tail` bytes and a hash follow. */
function mutateClear(tail: number): Mutate {
  return (bytes, others, dice) => {
    const buffer = Buffer.from(bytes);
    if (buffer.byteLength < headerBytes + 4 || dice.below(3) === 0)
      return mutateBytes(buffer, others, dice);
    const bodyEnd = headerBytes + 4 + buffer.readUInt32LE(headerBytes);
    const body = mutateCbor(buffer.subarray(headerBytes + 4, bodyEnd), others, dice);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.byteLength);
    const header = buffer.subarray(0, headerBytes);
    const before = [header, length, body, buffer.subarray(bodyEnd, bodyEnd + tail)];
    const hash = createHash('sha256').update(Buffer.concat(before)).digest();
    return Buffer.concat([...before, hash]);
  };
}

const mutateKey: Mutate = (bytes, others, dice) => {
  const buffer = Buffer.from(bytes);
  if (buffer.byteLength < headerBytes + 4 || dice.below(3) === 0)
    return mutateBytes(buffer, others, dice);
  const bodyEnd = headerBytes + 4 + buffer.readUInt32LE(headerBytes);
  const body = mutateCbor(buffer.subarray(headerBytes + 4, bodyEnd), others, dice);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.byteLength);
  return Buffer.concat([buffer.subarray(0, headerBytes), length, body, buffer.subarray(bodyEnd)]);
};

const mutateEither: Mutate = (bytes, others, dice) =>
  dice.below(4) === 0 ? mutateBytes(bytes, others, dice) : mutateCbor(bytes, others, dice);

/** Keys of later versions, which this one passes over and cannot write (docs/format.md section 9). */
function hasLaterKey(entry: Uint8Array): boolean {
  const items = parseCbor(entry)?.items ?? [];
  return items.some(({ major, argument }, at) => at % 2 === 0 && major === 0 && argument >= 128n);
}

const frames = [
  Buffer.alloc(0),
  Buffer.from('hello'),
  Buffer.alloc(70_000, 'ab'),
  richEntries()[0],
];

const checkpointRuns = [1, 4].map((first) => ({
  name: objectHashOf(Buffer.from([first])),
  bytes: 1000,
  salt: new Uint8Array(32).fill(first),
  epoch: 1,
  first,
  last: first === 1 ? 3 : 5,
}));
const [runEntry = Buffer.alloc(0)] = seed('journal-entry');
const runEnvelope = {
  part: 'run',
  first: 1,
  last: 1,
  lineage: decodeEntryObject(runEntry).lineage,
  hash: objectHashOf(runEntry),
} as const;

const cborTargets: readonly FuzzTarget[] = [
  {
    name: 'tree page',
    seeds: seed('tree.page.0', 'tree.5000.top'),
    decode: decodeTreePage,
    mutate: mutateEither,
  },
  { name: 'list page', seeds: seed('list.1000.top'), decode: decodeListPage, mutate: mutateEither },
  {
    name: 'entry',
    seeds: [...seed('entry.file', 'entry.symlink'), ...richEntries()],
    decode: decodeEntry,
    mutate: mutateEither,
    encode: (bytes) => (hasLaterKey(bytes) ? bytes : encodeEntry(decodeEntry(bytes))),
  },
  {
    name: 'root entry',
    seeds: richEntries()
      .map((entry) => decodeEntry(entry))
      .filter(({ kind }) => kind === 'directory')
      .map((entry) => encodeRootEntry(entry)),
    decode: decodeRootEntry,
    mutate: mutateEither,
    encode: (bytes) => (hasLaterKey(bytes) ? bytes : encodeRootEntry(decodeRootEntry(bytes))),
  },
  {
    name: 'extended attributes',
    seeds: richEntries().map((entry) => encodeXattrs(decodeEntry(entry).xattrs ?? [])),
    decode: decodeXattrs,
    mutate: mutateEither,
    encode: (bytes) => encodeXattrs(decodeXattrs(bytes)),
  },
  {
    name: 'snapshot record',
    seeds: seed('snapshot'),
    decode: (bytes) => encodeSnapshotRecord(decodeSnapshotRecord(bytes)),
    mutate: mutateEither,
  },
  {
    name: 'journal records',
    seeds: [
      ...seed('records', 'checkpoint-record', 'events-record'),
      ...recordSeeds(seed('snapshot')),
    ],
    decode: decodeRecords,
    mutate: mutateEither,
  },
  {
    name: 'runs of a checkpoint',
    seeds: [encodeCheckpointRuns(checkpointRuns)],
    decode: (bytes) => decodeCheckpointRuns(bytes, { last: 5 }),
    mutate: mutateEither,
  },
  { name: 'CBOR', seeds: seed('bundle', 'records'), decode: decodeCbor, mutate: mutateEither },
  {
    name: 'key bundle',
    seeds: seed('bundle'),
    decode: (bytes) => MasterBundle.decode(bytes, repository),
    mutate: mutateEither,
    encode: (bytes) => MasterBundle.decode(bytes, repository).encode(),
  },
];

const mirrorParts: readonly MirrorPart[] = [
  'config',
  'marker',
  'key',
  'pack',
  'entry',
  'payload',
  'checkpoint',
];

const byteTargets: readonly FuzzTarget[] = [
  {
    name: 'object header',
    seeds: seed('header', 'config', 'mirror', 'key-object.password', 'journal-entry'),
    decode: (bytes) => decodeObjectHeader(bytes),
    mutate: mutateBytes,
  },
  {
    name: 'chunk table',
    seeds: seed('chunk-table'),
    decode: (bytes) => decodeChunkTable(bytes, 64 + 28 + 26),
    mutate: mutateBytes,
  },
  {
    name: 'pack trailer',
    seeds: seed('pack'),
    decode: (bytes) => decodePackTrailer(bytes.subarray(-trailerBytes), bytes.byteLength),
    mutate: mutateBytes,
  },
  {
    name: 'piece table',
    seeds: seed('pack'),
    decode: (bytes) => {
      const trailer = bytes.subarray(-trailerBytes);
      const { pieceTableOffset } = decodePackTrailer(trailer, bytes.byteLength);
      const table = bytes.subarray(pieceTableOffset, -trailerBytes);
      return checkPieceTable(table, trailer) && badPieces(bytes, table, pieceTableOffset);
    },
    mutate: mutateBytes,
  },
  {
    name: 'lengths that stand in an object',
    seeds: seed('config', 'mirror', 'key-object.password', 'journal-entry', 'payload', 'pack'),
    decode: (bytes) => mirrorParts.map((part) => declaredBytes(part, bytes)),
    mutate: mutateBytes,
  },
  {
    name: 'key object',
    seeds: seed('key-object.password', 'key-object.key-file', 'key-object.none'),
    decode: decodeKeyObject,
    mutate: mutateKey,
  },
  { name: 'config', seeds: seed('config'), decode: decodeConfig, mutate: mutateClear(32) },
  { name: 'marker', seeds: seed('mirror'), decode: decodeMarker, mutate: mutateClear(0) },
  {
    name: 'journal entry',
    seeds: seed('journal-entry'),
    decode: decodeEntryObject,
    mutate: mutateBytes,
  },
  { name: 'payload', seeds: seed('payload'), decode: decodePayloadObject, mutate: mutateBytes },
  {
    name: 'plain payload',
    seeds: [Buffer.from('0005000000deadbeef00', 'hex'), Buffer.from('01ffffff0028b52ffd', 'hex')],
    decode: decodePayloadPlaintext,
    mutate: mutateBytes,
  },
  {
    name: 'checkpoint',
    seeds: seed('checkpoint', 'run'),
    decode: decodeCheckpointObject,
    mutate: mutateBytes,
  },
  {
    name: 'run',
    seeds: [encodeRun([{ bytes: runEntry }])],
    decode: (bytes) => decodeRun(bytes, runEnvelope),
    mutate: mutateBytes,
  },
  {
    name: 'object name',
    seeds: [
      'config',
      `keys/${'a'.repeat(64)}`,
      `packs/aa/${'a'.repeat(64)}`,
      `quarantine/keys/${'a'.repeat(64)}/${'b'.repeat(64)}`,
    ].map((key) => Buffer.from(key)),
    decode: (bytes) => {
      const key = Buffer.from(bytes).toString('latin1');
      return [parseObjectName(key), quarantinedKey(key)];
    },
    mutate: mutateBytes,
  },
  {
    name: 'key file',
    seeds: [Buffer.from(vectors.get('key-file') ?? '')],
    decode: (bytes) => decodeKeyFile(Buffer.from(bytes).toString('latin1')),
    mutate: mutateBytes,
    kinds: ['Usage'],
  },
  {
    name: 'block',
    // The length that the table promises, then the frame.
    seeds: frames.map((plain = Buffer.alloc(0)) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(plain.byteLength);
      return Buffer.concat([length, zstdCompressSync(plain)]);
    }),
    decode: (bytes) => {
      const plainBytes = bytes.byteLength < 4 ? 0 : Buffer.from(bytes).readUInt32LE(0) % 4_194_304;
      return decompress(1, bytes.subarray(4), plainBytes);
    },
    mutate: mutateBytes,
    room: 4_194_304 + 65_536,
  },
];

export const fuzzTargets: readonly FuzzTarget[] = [...cborTargets, ...byteTargets];
