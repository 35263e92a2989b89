import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exitErrorIn, Machine } from './machine.ts';

const content = 'first\n'.repeat(5000);
let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': content });
});
afterEach(() => machine[Symbol.dispose]());

it('debug corrupt says what it breaks, breaks that, and heal mends it', async () => {
  await machine.run(['init', '--mirror', 'a=a', '--mirror', 'b=b']);
  await machine.run(['backup', 'data']);
  const what = ['--object', 'data-pack', '--damage', 'zero', '--mirror', 'a', '--seed', '7'];
  const corrupt = ['debug', 'corrupt', ...what];
  const unasked = await machine.run([...corrupt, '--json']);
  expect(unasked.code).toBe(2);
  expect(exitErrorIn(unasked)).toMatchObject({ code: 'CONFIRMATION_NEEDED' });
  const planned = await machine.run([...corrupt, '-n', '--json']);
  expect(planned.code).toBe(0);
  const { mirror, object, bytes } = planned.documents[0] ?? planned.summary;
  expect(mirror).toBe('a');
  const path = machine.path('a', String(object));
  const before = readFileSync(path);
  const done = await machine.run([...corrupt, '--yes']);
  expect(done.code).toBe(0);
  const size = String(bytes);
  expect(done.stdout).toContain(`a: ${String(object)}, offset 0, ${size} bytes of ${size}`);
  expect(done.stdout).toContain('the same again with --seed 7');
  expect(readFileSync(path).equals(Buffer.alloc(before.length))).toBe(true);
  // Complete, because the other mirror has it, and told all the same.
  const read = await machine.run(['cat', `latest:${machine.path('data/a.txt')}`]);
  expect({ code: read.code, stdout: read.stdout }).toEqual({ code: 0, stdout: content });
  expect(read.stderr).toMatch(/in mirror a is damaged: .*; other mirrors are asked instead/);
  const healed = await machine.run(['heal', '--level', 'data', '--json']);
  expect(healed.code).toBe(0);
  expect(healed.summary).toMatchObject({ mended: 1, left: 0, lost: 0 });
  expect(readFileSync(path).equals(before)).toBe(true);
});
