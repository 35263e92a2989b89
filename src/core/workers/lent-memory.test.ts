import { expect, test } from 'vitest';
import { LentMemory } from './lent-memory.ts';

test('memory that was given back is used again, and none that is in use', () => {
  const memory = new LentMemory(100);
  const [first, second] = [memory.take(), memory.take()];
  expect([first.byteLength, second.byteLength]).toEqual([100, 100]);
  first.fill(1);
  second.fill(2);
  expect(first.every((byte) => byte === 1)).toBe(true);
  for (let round = 0; round < 50; round++) {
    // A part of it does as well: a block rarely fills all of its room.
    LentMemory.release(round % 2 === 0 ? first : first.subarray(0, 40));
    expect(memory.take().buffer).toBe(first.buffer);
  }
  expect(memory.count).toBe(2);
  expect(second.every((byte) => byte === 2)).toBe(true);
  expect(memory.take().buffer).not.toBe(second.buffer);
  expect(memory.count).toBe(3);
});
