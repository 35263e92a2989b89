import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Makes many objects that live for a while, in a process of its own; gives megabytes at the end. */
function youngMegabytes(limit: boolean): number {
  const module = new URL('young-generation.ts', import.meta.url).href;
  const script = `
    import { limitYoungGeneration, youngBytes } from ${JSON.stringify(module)};
    let kept = [];
    let most = 0;
    for (let number = 0; number < 8e6; number++) {
      kept.push({ number, list: [number] });
      if (kept.length > 200_000) kept = [];
      if (number % 10_000 === 0) {
        if (${limit}) limitYoungGeneration();
        most = Math.max(most, youngBytes());
      }
    }
    process.stdout.write(String(most / 1e6));`;
  const args = ['--input-type=module', '-e', script];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('the young generation stays smaller once it is limited', () => {
  // How far it grows before anybody looks, and how much of it V8 holds at a time, varies by a third.
  const free = Math.max(...[1, 2, 3].map(() => youngMegabytes(false)));
  const limited = Math.min(...[1, 2, 3].map(() => youngMegabytes(true)));
  expect(limited).toBeGreaterThan(4);
  expect(limited).toBeLessThan(free * 0.75);
});
