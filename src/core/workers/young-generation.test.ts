import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { compiledModule } from '../../../test/support/compiled-module.ts';

/** Makes many objects that live for a while, in a process of its own; gives megabytes at the end. */
function youngMegabytes(limit: boolean): number {
  const script = `
    import { limitYoungGeneration, youngBytes } from '${compiledModule('workers/young-generation.ts')}';
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

test('the young generation stays smaller once it is limited', { timeout: 120_000 }, () => {
  // How far it grows before anybody looks, and how much of it V8 holds at a time, varies by a third.
  const [free, limited]: [number[], number[]] = [[], []];
  const isSmaller = (): boolean => Math.min(...limited) < Math.max(...free) * 0.75;
  while (free.length < 4 && !isSmaller()) {
    free.push(youngMegabytes(false));
    limited.push(youngMegabytes(true));
  }
  expect(Math.min(...limited)).toBeGreaterThan(4);
  expect(isSmaller()).toBe(true);
});
