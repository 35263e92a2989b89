import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededBytes } from '../support/seeded-random.ts';

/** What goes wrong with objects in the world. */
export const damageKinds = [
  'delete',
  'truncate to 0',
  'truncate by half',
  'flip a bit',
  'zero a page',
  'swap two objects',
  'older content',
  'append garbage',
] as const;

export type DamageKind = (typeof damageKinds)[number];

/** The object that is damaged, and what the damage needs beside it. */
export interface DamageTarget {
  readonly key: string;
  /** Another object of the same kind, if there is one: the partner of a swap. */
  readonly other: string;
  /** Something that may have lain here before: whole in itself, but not this object. */
  readonly older: Buffer;
}

const pageBytes = 4096;

/**
 * Damages an object in one mirror as kind and place say; copies that are damaged in another place
 * have no damaged byte in common. Returns the keys of all objects that are not good any more.
 */
export function damageObject(
  mirror: string,
  target: DamageTarget,
  kind: DamageKind,
  place: 0 | 1 = 0,
): readonly string[] {
  const path = join(mirror, target.key);
  const bytes = readFileSync(path);
  switch (kind) {
    case 'delete':
      rmSync(path);
      break;
    case 'truncate to 0':
      writeFileSync(path, '');
      break;
    case 'truncate by half':
      writeFileSync(path, bytes.subarray(0, bytes.length >> 1));
      break;
    case 'flip a bit':
      writeFileSync(path, flipped(bytes, place));
      break;
    case 'zero a page':
      writeFileSync(path, bytes.fill(0, ...pageIn(bytes.length, place)));
      break;
    case 'swap two objects':
      writeFileSync(path, readFileSync(join(mirror, target.other)));
      writeFileSync(join(mirror, target.other), bytes);
      return [target.key, target.other];
    case 'older content':
      writeFileSync(path, target.older);
      break;
    case 'append garbage':
      writeFileSync(path, Buffer.concat([bytes, seededBytes(`garbage ${place}`, 777)]));
      break;
    default:
      kind satisfies never;
  }
  return [target.key];
}

/** The page that is zeroed: the first, or the next; halves of what has no two pages. */
export function pageIn(length: number, place: 0 | 1): [from: number, to: number] {
  const size = Math.min(pageBytes, Math.ceil(length / 2));
  // A page in the middle, so that neither header nor table of a pack goes with it.
  const from = length > 4 * pageBytes ? 2 * pageBytes : 0;
  return [from + place * size, Math.min(length, from + (place + 1) * size)];
}

function flipped(bytes: Buffer, place: 0 | 1): Buffer {
  const at = Math.min(bytes.length - 1, 70 + place * 9);
  bytes[at] = (bytes[at] ?? 0) ^ 16;
  return bytes;
}
