import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../../test/contract/journal.ts';
import { compiledModule } from '../../../test/support/compiled-module.ts';
import { FileJournal } from './file-journal.ts';

/**
 * Appends records 1, 2, 3, … for ever. Says `s N` when all up to N are synced, and `c N` when all
 * up to N were handed over, just before they are cleared.
 */
const program = (path: string, first: number): string => `
  import { writeSync } from 'node:fs';
  const { FileJournal } = await import('${compiledModule('journal/index.ts')}');
  const journal = await FileJournal.open(${JSON.stringify(path)});
  for (let number = ${first}; ; number += 1) {
    journal.append(Buffer.from(String(number).padEnd(number % 50_000, '.')));
    if (number % 7 === 0) {
      await journal.sync();
      writeSync(1, 's ' + number + '\\n');
    }
    if (number % 40 === 0) {
      await journal.flush(async (records) => {
        for await (const record of records) void record;
        writeSync(1, 'c ' + number + '\\n');
      });
    }
  }`;

describe('a process that is killed', () => {
  it('twenty times, at any moment, loses no synced record and brings none back', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'journal-'));
    const path = join(directory, 'log');
    let next = 1;
    let cleared = 0;
    for (let run = 0; run < 20; run += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program(path, next)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 25));
      child.kill('SIGKILL');
      await once(child, 'close');
      const lines = said.slice(0, said.lastIndexOf('\n')).split('\n');
      const last = (what: string): number =>
        Number(lines.findLast((line) => line.startsWith(what))?.slice(2) ?? 0);
      const synced = Math.max(last('s'), next - 1);
      const handedOver = Math.max(last('c'), cleared);

      await using journal = await FileJournal.open(path, { readOnly: true });
      const found = (await readAll(journal.records())).map((record) => Number.parseFloat(record));
      const first = found[0] ?? Math.max(synced, handedOver) + 1;
      expect(found).toEqual(found.map((_, index) => first + index));
      // Cleared at the last flush that was said, at the one before if the clear was cut off, or at
      // one whose saying was cut off.
      expect([cleared + 1, handedOver + 1, handedOver - 39, handedOver + 41]).toContain(first);
      const end = first + found.length - 1;
      expect(end).toBeGreaterThanOrEqual(synced);
      cleared = first - 1;
      next = end + 1;
    }
    expect(next).toBeGreaterThan(100);
    rmSync(directory, { recursive: true });
  }, 60_000);
});
