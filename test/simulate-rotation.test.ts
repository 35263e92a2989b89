import { describe, expect, it } from 'vitest';
import { simulateRotation, type SimulationOptions } from '../bench/rotation/simulate-rotation.ts';

const options: SimulationOptions = {
  packs: 3000,
  packBytes: 64 * 1024 ** 2,
  mirrors: 3,
  days: 70,
  maxAgeDays: 30,
  budgetShare: 1.3,
  unverifiableOneIn: 0,
};

describe('a rotation over months', () => {
  it('reads every copy in time with a budget of 1.3 rotations', async () => {
    const result = await simulateRotation(options);
    expect(result.oldestDays).toBeLessThanOrEqual(30);
    expect(result.wastedShare).toBe(0);
  });

  it('is not held up by copies that can never be read', async () => {
    const result = await simulateRotation({ ...options, unverifiableOneIn: 50 });
    expect(result.oldestDays).toBeLessThanOrEqual(30);
    // They are 0.7 % of the copies, and are tried more often than the others, but not much.
    expect(result.wastedShare).toBeGreaterThan(0);
    expect(result.wastedShare).toBeLessThan(0.15);
  });

  it('goes on in the other mirrors when one cannot be read at all', async () => {
    const result = await simulateRotation({ ...options, unverifiableOneIn: 1 });
    const [, second, third] = result.oldestDaysByMirror;
    expect(second).toBeLessThanOrEqual(30);
    expect(third).toBeLessThanOrEqual(30);
  });

  it('falls behind evenly when the budget is too small', async () => {
    const result = await simulateRotation({ ...options, packs: 1500, days: 130, budgetShare: 0.5 });
    expect(result.oldestDays).toBeGreaterThan(40);
    expect(result.oldestDays).toBeLessThanOrEqual(65);
    const [first = 0, second = 0, third = 0] = result.oldestDaysByMirror;
    expect(Math.max(first, second, third) - Math.min(first, second, third)).toBeLessThan(3);
  });

  it('takes work by what is due, not by what there is', async () => {
    const small = await simulateRotation({ ...options, packs: 2000, days: 35 });
    const large = await simulateRotation({ ...options, packs: 40_000, days: 35 });
    expect(large.rowsPerCopy).toBeLessThan(1.5 * small.rowsPerCopy);
    expect(large.rowsPerCopy).toBeLessThan(25);
  });
});
