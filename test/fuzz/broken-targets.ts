import { VersionsError } from '../../src/core/errors/index.ts';
import { mutateBytes } from './mutate.ts';
import type { FuzzTarget } from './targets.ts';

const seeds = [Buffer.from('0102030405060708', 'hex')];

function broken(
  name: string,
  decode: FuzzTarget['decode'],
  encode?: FuzzTarget['encode'],
): FuzzTarget {
  return { name, seeds, decode, mutate: mutateBytes, ...(encode && { encode }) };
}

/** Decoders with the faults that fuzzing is there to find. */
export const brokenTargets: readonly FuzzTarget[] = [
  broken('believes a count', (bytes) => new Float64Array(Buffer.from(bytes).readUInt16LE(0) * 64)),
  broken('reads on behind the end', (bytes) => Buffer.from(bytes).readUInt8(7)),
  broken('refuses what is right', () => {
    throw new VersionsError('Corrupt', 'CBOR_INVALID', 'Never right');
  }),
  broken(
    'takes two forms for one',
    (bytes) => bytes,
    () => Buffer.alloc(8),
  ),
  broken('takes its time', (bytes) => {
    const before = process.threadCpuUsage();
    while (bytes.byteLength > 60 && process.threadCpuUsage(before).user < 400_000);
  }),
  broken('never ends', (bytes) => {
    while (bytes.byteLength !== 8);
  }),
  broken('fills the memory', (bytes) => {
    const all: object[] = [];
    while (bytes.byteLength !== 8) all.push(Array.from({ length: 100_000 }, () => ({ all })));
  }),
];
