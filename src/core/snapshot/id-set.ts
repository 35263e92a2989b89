import { asBuffer, type ChunkId } from '../base/index.ts';

/** Of each id, so many bytes are kept: enough that two are never taken for one. */
const keptBytes = 16;
const slotsMin = 1024;

/**
 * Ids of chunks that were seen: 16 bytes each and as much again of room. Beyond its limit it takes no
 * more in, and what it does not know counts as not seen.
 */
export class IdSet {
  readonly #countMax: number;
  #slots: Buffer = Buffer.alloc(slotsMin * keptBytes);
  #count = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  has(id: ChunkId): boolean {
    return isTaken(this.#slots, this.#slotOf(asBuffer(id).subarray(0, keptBytes)));
  }

  /** Takes an id in; false if it was there already. */
  add(id: ChunkId): boolean {
    const kept = asBuffer(id).subarray(0, keptBytes);
    const at = this.#slotOf(kept);
    if (isTaken(this.#slots, at)) return false;
    if (this.#count === this.#countMax) return true;
    kept.copy(this.#slots, at);
    this.#count += 1;
    if (this.#count * keptBytes * 2 > this.#slots.byteLength) this.#grow();
    return true;
  }

  /** Where the id is, or the free place where it would go. */
  #slotOf(kept: Buffer): number {
    const slotCount = this.#slots.byteLength / keptBytes;
    // An id is a keyed hash: any of its bytes are as good as a hash of it.
    let slot = kept.readUInt32LE(0) % slotCount;
    for (;;) {
      const at = slot * keptBytes;
      if (!isTaken(this.#slots, at)) return at;
      if (this.#slots.compare(kept, 0, keptBytes, at, at + keptBytes) === 0) return at;
      slot = (slot + 1) % slotCount;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = Buffer.alloc(before.byteLength * 2);
    for (let at = 0; at < before.byteLength; at += keptBytes) {
      if (!isTaken(before, at)) continue;
      const kept = before.subarray(at, at + keptBytes);
      kept.copy(this.#slots, this.#slotOf(kept));
    }
  }
}

/** All zeros is no id: that of nothing is never made. */
function isTaken(slots: Buffer, at: number): boolean {
  return (
    slots.readUInt32LE(at) !== 0 ||
    slots.readUInt32LE(at + 4) !== 0 ||
    slots.readBigUInt64LE(at + 8) !== 0n
  );
}
