import { describe, expect, it } from 'vitest';
import { createLentMemory, LentBlock, roomOf, type LentMemory } from './lent-block.ts';

/** The block as another thread gets it. */
function sent({ buffer, ticket }: LentMemory, lengths: Uint32Array): LentBlock {
  return new LentBlock({ memory: buffer, ticket, lengths });
}

describe('a block that is lent', () => {
  it('shows its plaintext to whoever gets it, and its ids to whoever lent it', () => {
    const memory = createLentMemory(100, 3);
    roomOf(memory).set(Buffer.from('one and two'));
    const lengths = Uint32Array.of(3, 8);
    const lent = LentBlock.lend(memory, lengths);
    const other = sent(memory, lengths);
    expect(Buffer.from(other.plain).toString()).toBe('one and two');
    expect(other.take()).toBe(true);
    other.ids.fill(7);
    expect(lent.isDone).toBe(false);
    other.finish(8);
    expect(lent.isDone).toBe(true);
    expect(lent.wait()).toBe(8);
    expect([...lent.ids]).toEqual(Array.from({ length: 64 }, () => 7));
    expect(Buffer.from(lent.plain).toString()).toBe('one and two');
  });

  it('has room for all ids behind the largest plaintext', () => {
    const memory = createLentMemory(100, 2);
    const block = LentBlock.lend(memory, Uint32Array.of(50, 50));
    expect(block.ids.byteLength).toBe(64);
    expect(block.ids.byteOffset + block.ids.byteLength).toBe(memory.buffer.byteLength);
  });

  it('is taken once only, by either side', () => {
    const lengths = Uint32Array.of(1);
    for (const first of [0, 1]) {
      const memory = createLentMemory(10, 1);
      const sides = [LentBlock.lend(memory, lengths), sent(memory, lengths)];
      expect(sides[first]?.take()).toBe(true);
      expect(sides.map((side) => side.take())).toEqual([false, false]);
      sides[first]?.finish(0);
      expect(sides.map((side) => side.take())).toEqual([false, false]);
    }
  });

  it('is not taken by a message about what lay in the same memory before', () => {
    const memory = createLentMemory(10, 1);
    const lengths = Uint32Array.of(10);
    const before = LentBlock.lend(memory, lengths);
    const late = sent(memory, lengths);
    expect(before.take()).toBe(true);
    before.finish(10);
    const after = LentBlock.lend(memory, Uint32Array.of(5));
    expect(late.take()).toBe(false);
    expect(late.isDone).toBe(false);
    expect(after.take()).toBe(true);
  });

  it('fails for whoever lent it when it could not be stored', () => {
    const block = LentBlock.lend(createLentMemory(10, 1), Uint32Array.of(1));
    block.take();
    block.fail();
    expect(block.isDone).toBe(false);
    expect(() => block.wait()).toThrow(expect.objectContaining({ code: 'WORKER_FAILED' }));
  });
});
