import { blockPlainBytesMax, inlineFileBytesMax, type RepositoryId } from '../base/index.ts';
import { assert, type VersionsError } from '../errors/index.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { joinClearObject, splitClearObject, withOwnHash } from './clear-object.ts';
import { damaged, tooNew } from './failures.ts';
import { Fields } from './fields.ts';
import { decodeObjectHeader, encodeObjectHeader } from './header.ts';

const chunkerAlgorithm = 'gear32-fastcdc';
const avgMin = 4 * 1024;
const avgMax = 4 * 1024 * 1024;
const macBytes = 32;

/** What never changes about a repository. */
export interface RepositoryConfig {
  readonly repository: RepositoryId;
  readonly suite: 0 | 1;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Average bytes of a chunk: a power of two; the smallest is a quarter, the largest four times it. */
  readonly chunkBytesAvg: number;
  /** Plaintext bytes at which a block is closed. */
  readonly blockBytes: number;
  /** Files of at most so many bytes live in their tree. */
  readonly inlineBytes: number;
}

/** A config as it was read; the MAC can be checked once the bundle is open. */
export interface DecodedConfig {
  readonly config: RepositoryConfig;
  /** All bytes that the MAC covers. */
  readonly macInput: Uint8Array;
  readonly mac: Uint8Array;
}

/** The object `config`. `macOf` is the HMAC under the MAC key of epoch 1. */
export function encodeConfig(
  config: RepositoryConfig,
  macOf: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  const { repository, suite, created, chunkBytesAvg, blockBytes, inlineBytes } = config;
  const why = inconsistency(config);
  assert(why === undefined, `A config cannot be written: ${why}`);
  const header = encodeObjectHeader({ kind: 'config', suite, repository });
  const body = encodeCbor({
    created,
    chunker: {
      algorithm: chunkerAlgorithm,
      min: chunkBytesAvg / 4,
      avg: chunkBytesAvg,
      max: chunkBytesAvg * 4,
    },
    blockBytes,
    inlineBytes,
  });
  const beforeMac = joinClearObject(header, body);
  const mac = macOf(beforeMac);
  assert(mac.byteLength === macBytes, 'A MAC has 32 bytes');
  return withOwnHash(Buffer.concat([beforeMac, mac]));
}

/** Reads `config`. Throws `Corrupt` (code CONFIG_DAMAGED) or `Unsupported` (code FORMAT_TOO_NEW). */
export function decodeConfig(bytes: Uint8Array): DecodedConfig {
  const header = decodeObjectHeader(bytes, { kinds: ['config'] });
  const parts = splitClearObject(bytes, macBytes);
  if (parts === undefined) throw configDamaged('it does not match the hash that it carries');
  const fields = new Fields(decodeCbor(parts.body), configDamaged);
  const chunker = fields.fields('chunker');
  if (chunker.text('algorithm') !== chunkerAlgorithm) throw tooNew('The repository');
  const avg = chunker.integer('avg');
  const config: RepositoryConfig = {
    repository: header.repository,
    suite: header.suite,
    created: fields.integer('created'),
    chunkBytesAvg: avg,
    blockBytes: fields.integer('blockBytes'),
    inlineBytes: fields.integer('inlineBytes'),
  };
  const ratiosFit = chunker.integer('min') * 4 === avg && chunker.integer('max') === avg * 4;
  const why = ratiosFit ? inconsistency(config) : 'the sizes of chunks do not fit each other';
  if (why !== undefined) throw configDamaged(why);
  return { config, macInput: parts.beforeTail, mac: parts.tail };
}

function inconsistency(config: RepositoryConfig): string | undefined {
  const { chunkBytesAvg: avg, blockBytes, inlineBytes } = config;
  if (avg < avgMin || avg > avgMax || !Number.isInteger(Math.log2(avg))) {
    return 'the average size of chunks is not a power of two from 4 KiB to 4 MiB';
  }
  if (blockBytes < 1 || blockBytes > blockPlainBytesMax / 2) return 'the size of blocks is refused';
  if (inlineBytes > inlineFileBytesMax) return 'the size of inline files is refused';
  return undefined;
}

function configDamaged(why: string): VersionsError {
  return damaged('CONFIG_DAMAGED', `The config object of a repository is not valid: ${why}`);
}
