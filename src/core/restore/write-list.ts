import { writeNumbers } from '../workers/index.ts';
import type { ChunkUse } from './chunk-uses.ts';

/**
 * What one task writes: numbers as in `RestoreTask.writes` and the ids of the chunks, packed, because
 * as objects they would outlive the next collection of garbage and take five times the memory.
 */
export class WriteList {
  #numbers: Float64Array = new Float64Array(16 * writeNumbers);
  #ids: Uint8Array = new Uint8Array(16 * 32);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** `block`: its position in the task. */
  add(block: number, { location, file, fileOffset, id }: ChunkUse): void {
    if (this.#count * 32 === this.#ids.byteLength) this.#grow();
    const at = this.#count * writeNumbers;
    this.#numbers[at] = block;
    this.#numbers[at + 1] = location.offset;
    this.#numbers[at + 2] = location.length;
    this.#numbers[at + 3] = file;
    this.#numbers[at + 4] = fileOffset;
    this.#ids.set(id, this.#count * 32);
    this.#count += 1;
  }

  /** The number of the file that each write goes to. */
  *files(): Generator<number> {
    for (let write = 0; write < this.#count; write++)
      yield this.#numbers[write * writeNumbers + 3] ?? 0;
  }

  /** The writes from one block, as a list of their own in which it is the only block. */
  ofBlock(block: number): WriteList {
    const list = new WriteList();
    for (let write = 0; write < this.#count; write++) {
      const [from = -1, offset = 0, length = 0, file = 0, fileOffset = 0] = this.#numbers.subarray(
        write * writeNumbers,
      );
      if (from !== block) continue;
      const id = this.#ids.subarray(write * 32, write * 32 + 32);
      list.add(0, { location: { pack: 0, block: 0, offset, length }, file, fileOffset, id });
    }
    return list;
  }

  /** Copies for a task whose files have the numbers that `numberOf` gives. */
  forTask(numberOf: (file: number) => number): {
    readonly writes: Float64Array;
    readonly ids: Uint8Array;
  } {
    const writes = this.#numbers.slice(0, this.#count * writeNumbers);
    for (let at = 3; at < writes.length; at += writeNumbers) writes[at] = numberOf(writes[at] ?? 0);
    return { writes, ids: this.#ids.slice(0, this.#count * 32) };
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    const ids = new Uint8Array(this.#ids.byteLength * 2);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}
