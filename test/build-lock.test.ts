import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const source = new URL('../scripts/build-lock.ts', import.meta.url).href;
let directory: string;
let children: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'versions-lock-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

/** Says `asks`, and `has` when it has the lock, which it keeps until its input ends. */
function startHolder(): { readonly child: ChildProcess; says(word: string): Promise<void> } {
  const program = `
    import { withBuildLock } from '${source}';
    process.stdout.write('asks ');
    await withBuildLock(async () => {
      process.stdout.write('has ');
      for await (const part of process.stdin) void part;
    }, ${JSON.stringify(join(directory, 'cache', 'lock'))});`;
  const args = ['--no-warnings', '--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  let text = '';
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString();
  });
  return {
    child,
    says: (word) => vi.waitFor(() => expect(text).toContain(word), { timeout: 30_000 }),
  };
}

it.each(['ends', 'is killed'])('a build waits until the one at work %s', async (how) => {
  const first = startHolder();
  await first.says('has');
  const second = startHolder();
  let hasIt = false;
  const has = second.says('has').then(() => (hasIt = true));
  await second.says('asks');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(hasIt).toBe(false);
  if (how === 'ends') first.child.stdin?.end();
  else first.child.kill('SIGKILL');
  await has;
  second.child.stdin?.end();
  expect(await once(second.child, 'close')).toEqual([0, null]);
});
