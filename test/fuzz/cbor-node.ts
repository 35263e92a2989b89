/** An item of CBOR as it stands, right or wrong; `lie` is a head that does not fit what follows. */
export interface CborNode {
  readonly major: number;
  /** Number, length of the bytes, or number of the items (pairs for maps). */
  readonly argument: bigint;
  readonly bytes?: Uint8Array;
  readonly items?: readonly CborNode[];
  /** Written instead of the head. */
  readonly lie?: Uint8Array;
}

/** Takes apart what an honest encoder wrote; undefined for anything else. */
export function parseCbor(bytes: Uint8Array): CborNode | undefined {
  const parser = new Parser(Buffer.from(bytes));
  const node = parser.node(0);
  return node !== undefined && parser.at === bytes.byteLength ? node : undefined;
}

export function writeCbor(node: CborNode): Buffer {
  const { major, argument, bytes, items = [], lie } = node;
  const head = lie ?? headOf(major, argument);
  return Buffer.concat([head, ...(bytes ? [bytes] : []), ...items.map((item) => writeCbor(item))]);
}

/** The shortest head, or a longer one: `extra` steps longer. */
export function headOf(major: number, argument: bigint, extra = 0): Buffer {
  const sizes = [0, 1, 2, 4, 8];
  const limits = [24n, 0x100n, 0x1_0000n, 0x1_0000_0000n];
  const shortest = limits.findIndex((limit) => argument < limit);
  const size = Math.min(4, (shortest === -1 ? 4 : shortest) + extra);
  if (size === 0) return Buffer.of((major << 5) | Number(argument));
  const head = Buffer.alloc(9);
  head[0] = (major << 5) | (23 + size);
  head.writeBigUInt64BE(BigInt.asUintN(64, argument), 1);
  const length = sizes[size] ?? 8;
  return Buffer.concat([head.subarray(0, 1), head.subarray(9 - length)]);
}

class Parser {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  node(depth: number): CborNode | undefined {
    const first = this.#bytes[this.at];
    if (first === undefined || depth > 64 || (first & 31) > 27) return undefined;
    const [major, info] = [first >> 5, first & 31];
    this.at += 1;
    const argument = info < 24 ? BigInt(info) : this.#long(1 << (info - 24));
    if (argument === undefined) return undefined;
    if (major === 2 || major === 3) return this.#string(major, argument);
    if (major !== 4 && major !== 5) return { major, argument };
    const items: CborNode[] = [];
    for (let left = argument * (major === 5 ? 2n : 1n); left > 0n; left--) {
      const item = this.node(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { major, argument, items };
  }

  #string(major: number, argument: bigint): CborNode | undefined {
    const end = this.at + Number(argument);
    if (end > this.#bytes.byteLength) return undefined;
    const bytes = this.#bytes.subarray(this.at, end);
    this.at = end;
    return { major, argument, bytes };
  }

  #long(length: number): bigint | undefined {
    if (this.at + length > this.#bytes.byteLength) return undefined;
    const padded = Buffer.alloc(8);
    this.#bytes.copy(padded, 8 - length, this.at, this.at + length);
    this.at += length;
    return padded.readBigUInt64BE(0);
  }
}
