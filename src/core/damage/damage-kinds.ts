import { SeededChoice } from './seeded-choice.ts';

/** What can be done to a copy, in the words of the command line. */
export const damageKinds = [
  'delete',
  'empty',
  'truncate',
  'flip',
  'zero',
  'garbage',
  'stale',
  'swap',
] as const;

export type DamageKind = (typeof damageKinds)[number];

/** Those that need another object of the same sort in the same mirror. */
export const kindsWithOther: ReadonlySet<DamageKind> = new Set(['stale', 'swap']);

const pageBytes = 4096;
const garbageBytes = 777;

/** Where the damage begins in a copy of `bytes` bytes, and how much of it is wrong afterwards. */
export interface DamagePlace {
  readonly offset: number;
  readonly length: number;
}

/** Where a kind of damage hits a copy of this size. */
export function placeOfDamage(kind: DamageKind, bytes: number, choice: SeededChoice): DamagePlace {
  switch (kind) {
    case 'flip':
      return { offset: choice.below(bytes), length: 1 };
    case 'zero': {
      const offset = choice.below(Math.ceil(bytes / pageBytes)) * pageBytes;
      return { offset, length: Math.min(pageBytes, bytes - offset) };
    }
    case 'truncate':
      return { offset: bytes >>> 1, length: bytes - (bytes >>> 1) };
    case 'garbage':
      return { offset: bytes, length: garbageBytes };
    default:
      return { offset: 0, length: bytes };
  }
}

/** A copy with that damage; undefined if it would be as it was. Only for kinds without another object. */
export function damagedBytes(
  bytes: Uint8Array,
  { kind, offset, length }: DamagePlace & { readonly kind: DamageKind },
  seed: string,
): Uint8Array | undefined {
  if (kind === 'empty') return new Uint8Array(0);
  if (kind === 'truncate') return bytes.slice(0, offset);
  if (kind === 'garbage') {
    const longer = new Uint8Array(bytes.byteLength + length);
    longer.set(bytes);
    longer.set(new SeededChoice(`${seed}/garbage`).bytes(length), bytes.byteLength);
    return longer;
  }
  const wrong = bytes.slice();
  if (kind === 'flip') wrong[offset] = (wrong[offset] ?? 0) ^ 16;
  if (kind === 'zero') wrong.fill(0, offset, offset + length);
  return wrong.some((byte, at) => byte !== bytes[at]) ? wrong : undefined;
}
