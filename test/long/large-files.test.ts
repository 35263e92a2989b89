import { closeSync, mkdirSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectCode } from '../cli/expect-outcome.ts';
import { Machine } from '../cli/machine.ts';

/** So many that the threads, which lend each other blocks of them, end some at the same moment. */
const fileCount = 24;
/** Each is cut by one thread while another one helps. */
const fileBytes = 40 * 1024 * 1024;
const names = Array.from({ length: fileCount }, (_, number) => `file ${number}`);

it('many large files at once are all saved', { timeout: 240_000 }, async () => {
  using machine = new Machine();
  const source = machine.path('source');
  mkdirSync(source);
  for (const name of names) {
    // The rest is a hole, which costs no disk.
    writeFileSync(join(source, name), name);
    truncateSync(join(source, name), fileBytes);
  }
  expectCode(await machine.run(['init', 'home', '--mirror', 'm1=m1']), [0]);
  for (let run = 0; run < 2; run++) {
    const saved = await machine.run(['backup', source, '--force', '--json']);
    expectCode(saved, [0]);
    expect(saved.summary).toMatchObject({ partial: false, bytesRead: fileCount * fileBytes });
    const listed = await machine.run(['ls', `latest:${source}`, '--json']);
    const found = listed.documents.filter(({ type }) => type === 'entry');
    expect(found).toHaveLength(fileCount);
  }
  const target = machine.path('target');
  expectCode(await machine.run(['restore', 'latest', '--target', target]), [0]);
  for (const name of names) expect(beginOf(join(target + source, name))).toBe(name);
});

function beginOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const begin = Buffer.alloc(16);
    readSync(file, begin, 0, begin.length, fileBytes - 1);
    expect(readSync(file, begin, 0, begin.length, 0)).toBe(begin.length);
    return begin.toString('latin1').replace(/\0+$/, '');
  } finally {
    closeSync(file);
  }
}
