import { headOf, parseCbor, writeCbor, type CborNode } from './cbor-node.ts';
import type { Dice } from './dice.ts';

/** Numbers at the edges of what the format, JavaScript or a field can hold. */
const edges: readonly [bigint, ...bigint[]] = [
  0n,
  1n,
  2n,
  3n,
  15n,
  16n,
  17n,
  23n,
  24n,
  31n,
  32n,
  33n,
  64n,
  65n,
  127n,
  128n,
  255n,
  256n,
  4095n,
  4096n,
  4097n,
  0xffffn,
  0x1_0000n,
  0x10_0000n,
  0x40_0000n,
  0x100_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1f_ffff_ffff_ffffn,
  0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];
/** Names that mean something to a file system or to JavaScript. */
const names: readonly [Buffer, ...Buffer[]] = [
  Buffer.from(''),
  Buffer.from('.'),
  Buffer.from('..'),
  Buffer.from('/'),
  Buffer.from('../../etc/passwd'),
  Buffer.from('a\0b'),
  Buffer.from('__proto__'),
  Buffer.from('constructor'),
  Buffer.alloc(256, 'n'),
  Buffer.alloc(5000, 'n'),
  Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
];

/** One to four changes, each to a whole item of the CBOR in it, or to bytes where it has none. */
export function mutateCbor(bytes: Uint8Array, others: readonly Uint8Array[], dice: Dice): Buffer {
  let node = parseCbor(bytes);
  if (node === undefined) return mutateBytes(bytes, others, dice);
  for (let left = 1 + dice.below(4); left > 0; left--) {
    node = changed(node, dice.below(sizeOf(node)), (item) => change(item, others, dice));
  }
  return writeCbor(node);
}

/** One to four changes to bytes, with an eye to numbers of all widths and to varints. */
export function mutateBytes(bytes: Uint8Array, others: readonly Uint8Array[], dice: Dice): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let left = 1 + dice.below(4); left > 0; left--) mutated = changeBytes(mutated, others, dice);
  return mutated;
}

function changeBytes(bytes: Buffer, others: readonly Uint8Array[], dice: Dice): Buffer {
  const at = dice.below(bytes.byteLength + 1);
  const end = Math.min(bytes.byteLength, at + 1 + dice.below(40));
  const [before, part, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, end),
    bytes.subarray(end),
  ];
  switch (dice.below(9)) {
    case 0:
      return before;
    case 1:
      return Buffer.concat([before, after]);
    case 2:
      return Buffer.concat([before, part, part, after]);
    case 3:
      return Buffer.concat([before, dice.bytes(part.byteLength), after]);
    case 4:
      return Buffer.concat([before, varintOf(dice.oneOf(edges)), bytes.subarray(at + 1)]);
    case 5:
      return Buffer.concat([bytes, dice.bytes(1 + dice.below(200))]);
    case 6: {
      const other = others[dice.below(others.length)] ?? bytes;
      const from = dice.below(other.byteLength + 1);
      return Buffer.concat([before, other.subarray(from, from + dice.below(200)), after]);
    }
    case 7: {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << dice.below(8));
      return flipped;
    }
    default: {
      const width = dice.oneOf([1, 2, 4, 8]);
      const number = Buffer.alloc(8);
      number.writeBigUInt64LE(dice.oneOf(edges));
      return Buffer.concat([before, number.subarray(0, width), bytes.subarray(at + width)]);
    }
  }
}

function varintOf(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function sizeOf(node: CborNode): number {
  return (node.items ?? []).reduce((sum, item) => sum + sizeOf(item), 1);
}

/** The tree with its item number `target`, counted from the root down, made another one. */
function changed(node: CborNode, target: number, make: (item: CborNode) => CborNode): CborNode {
  if (target === 0) return make(node);
  let left = target - 1;
  const items = (node.items ?? []).map((item) => {
    const size = sizeOf(item);
    const isInside = left >= 0 && left < size;
    const made = isInside ? changed(item, left, make) : item;
    left -= size;
    return made;
  });
  return { ...node, items };
}

function change(node: CborNode, others: readonly Uint8Array[], dice: Dice): CborNode {
  switch (dice.below(9)) {
    case 0:
      return { major: dice.oneOf([0, 1]), argument: dice.oneOf(edges) };
    case 1:
      // Says that it holds more or less than it does.
      return { ...node, lie: headOf(node.major, dice.oneOf(edges)) };
    case 2:
      return { ...node, lie: headOf(node.major, node.argument, 1 + dice.below(3)) };
    case 3:
      return textOf(dice.oneOf([2, 3]), dice.oneOf([...names, dice.bytes(dice.below(80))]));
    case 4: {
      const other = parseCbor(others[dice.below(others.length)] ?? new Uint8Array(0));
      return other === undefined ? node : itemOf(other, dice.below(sizeOf(other)));
    }
    case 5: {
      let nested = node;
      for (let depth = dice.oneOf([1, 2, 31, 32, 33, 500]); depth > 0; depth--)
        nested = { major: 4, argument: 1n, items: [nested] };
      return nested;
    }
    case 6:
      // Without a length, a float, a tag, null.
      return {
        ...node,
        lie: dice.oneOf(
          [0x9f, 0xbf, 0x5f, 0xfb, 0xf9, 0xc1, 0xf6, 0xff].map((byte) => Buffer.of(byte)) as [
            Buffer,
          ],
        ),
      };
    default:
      return node.items === undefined ? shifted(node, dice) : rearranged(node, node.items, dice);
  }
}

function textOf(major: number, bytes: Uint8Array): CborNode {
  return { major, argument: BigInt(bytes.byteLength), bytes };
}

function shifted(node: CborNode, dice: Dice): CborNode {
  const { major, argument, bytes } = node;
  if (bytes === undefined) {
    const by = dice.oneOf([1n, -1n, 0x100n, 0x1_0000_0000n]);
    return { major, argument: argument + by < 0n ? 0n : argument + by };
  }
  return textOf(major, changeBytes(Buffer.from(bytes), [bytes], dice));
}

/** Items dropped, doubled, exchanged; a map loses, doubles or exchanges whole pairs. */
function rearranged(node: CborNode, items: readonly CborNode[], dice: Dice): CborNode {
  const width = node.major === 5 ? 2 : 1;
  const groups: (readonly CborNode[])[] = [];
  for (let at = 0; at < items.length; at += width) groups.push(items.slice(at, at + width));
  const [at, other] = [dice.below(groups.length), dice.below(groups.length)];
  const [group, second] = [groups[at], groups[other]];
  if (group !== undefined && second !== undefined) {
    const how = dice.below(3);
    if (how === 0) groups.splice(at, 1);
    if (how === 1)
      groups.splice(other, 0, ...Array.from({ length: dice.oneOf([1, 2, 70]) }, () => group));
    if (how === 2) [groups[at], groups[other]] = [second, group];
  }
  return { ...node, argument: BigInt(groups.length), items: groups.flat() };
}

function itemOf(node: CborNode, target: number): CborNode {
  let found = node;
  changed(node, target, (item) => (found = item));
  return found;
}
