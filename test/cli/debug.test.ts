import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exitErrorIn, Machine } from './machine.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': 'first\n'.repeat(5000) });
});
afterEach(() => machine[Symbol.dispose]());

it('debug corrupt says what it breaks, breaks that, and heal mends it', async () => {
  await machine.run(['init', '--mirror', 'a=a', '--mirror', 'b=b']);
  await machine.run(['backup', 'data']);
  const corrupt = ['debug', 'corrupt', '--object', 'data-pack', '--damage', 'flip', '--seed', '7'];
  const unasked = await machine.run([...corrupt, '--json']);
  expect(unasked.code).toBe(2);
  expect(exitErrorIn(unasked)).toMatchObject({ code: 'CONFIRMATION_NEEDED' });
  const planned = await machine.run([...corrupt, '-n', '--json']);
  expect(planned.code).toBe(0);
  const { mirror, object, offset } = planned.documents[0] ?? planned.summary;
  const path = machine.path(String(mirror), String(object));
  const before = readFileSync(path);
  const done = await machine.run([...corrupt, '--yes']);
  expect(done.code).toBe(0);
  expect(done.stdout).toContain(`${String(mirror)}: ${String(object)}, offset ${String(offset)}`);
  expect(done.stdout).toContain('the same again with --seed 7');
  const different = [...readFileSync(path).entries()].filter(([at, byte]) => byte !== before[at]);
  expect(different.map(([at]) => at)).toEqual([offset]);
  const healed = await machine.run(['heal', '--level', 'data', '--json']);
  expect(healed.code).toBe(0);
  expect(healed.summary).toMatchObject({ mended: 1, left: 0, lost: 0 });
  expect(readFileSync(path).equals(before)).toBe(true);
});
