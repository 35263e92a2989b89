import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect } from '../../../test/contract/collect.ts';
import { compiledModule } from '../../../test/support/compiled-module.ts';
import { SqliteCatalog } from './sqlite-catalog.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'catalog-'));
  path = join(directory, 'catalog.db');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Another process that runs `body` with a catalog and what makes rows. */
function start(body: string): ChildProcess {
  const program = `
    import { writeSync } from 'node:fs';
    import { createHash } from 'node:crypto';
    const { SqliteCatalog } = await import('${compiledModule('catalog/sqlite-catalog.ts')}');
    const catalog = await SqliteCatalog.open(${JSON.stringify(path)}, { create: true });
    const makeRow = (number, text) => {
      const bytes = Buffer.from(text.padEnd(20_000, text));
      const hash = createHash('sha256').update(bytes).digest('hex');
      return { number, lineage: 'a'.repeat(32), hash, bytes, payload: bytes };
    };
    const say = (what) => writeSync(1, what + '\\n');
    ${body}`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Everything the process says, collected as it comes. */
function listen(child: ChildProcess): string[] {
  const words: string[] = [''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const [first = '', ...rest] = text.split('\n');
    words.push((words.pop() ?? '') + first, ...rest);
  });
  return words;
}

describe('processes', () => {
  it('killed in the middle of appends leave a catalog without gaps, thirty times', async () => {
    let acknowledged = 0;
    for (let run = 0; run < 30; run += 1) {
      const child = start(`
        let tip = await catalog.tip();
        for (;;) {
          const row = makeRow((tip?.number ?? 0) + 1, 'run ${run}');
          await catalog.append(row, tip);
          if (row.number % 3 === 0) await catalog.clearPayloads(row.number - 1);
          tip = row;
          say(row.number);
        }`);
      const words = listen(child);
      await once(child.stdout ?? child, 'data');
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 25));
      child.kill('SIGKILL');
      await once(child, 'close');
      // The last word may be cut off; what stands before it was said after its append.
      acknowledged = Math.max(acknowledged, ...words.slice(0, -1).map(Number));
      await using catalog = await SqliteCatalog.open(path, { readOnly: run % 2 === 0 });
      const rows = await collect(catalog.read(0));
      expect(rows.map(({ number }) => number)).toEqual(rows.map((_, index) => index + 1));
      expect(rows.length).toBeGreaterThanOrEqual(acknowledged);
      expect(rows.length).toBeLessThanOrEqual(acknowledged + 1);
      acknowledged = rows.length;
    }
    expect(acknowledged).toBeGreaterThan(30);
  }, 60_000);

  it('that append at once share one order, and each append is acknowledged once', async () => {
    await (await SqliteCatalog.open(path, { create: true }))[Symbol.asyncDispose]();
    const children = [0, 1, 2, 3].map((writer) =>
      start(`
        for (let done = 0; done < 20; ) {
          const tip = await catalog.tip();
          const row = makeRow((tip?.number ?? 0) + 1, 'writer ${writer} ' + done);
          try {
            await catalog.append(row, tip);
            say(row.number);
            done += 1;
          } catch (error) {
            if (error.code !== 'CATALOG_CONFLICT') throw error;
          }
        }`),
    );
    const said = children.map(listen);
    const codes = await Promise.all(children.map((child) => once(child, 'close')));
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0, 0]);
    const numbers = said.flatMap((words) => words.filter((word) => word !== '').map(Number));
    const all = Array.from({ length: 80 }, (_, index) => index + 1);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(all);
    await using catalog = await SqliteCatalog.open(path, { readOnly: true });
    expect((await collect(catalog.read(0))).map(({ number }) => number)).toEqual(all);
  }, 60_000);

  it('that waited while another one made the catalog find it made', async () => {
    const model = join(directory, 'model.db');
    await (await SqliteCatalog.open(model, { create: true }))[Symbol.asyncDispose]();
    const made = new DatabaseSync(model);
    const parts = made.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all();
    const id = made.prepare('PRAGMA application_id').get()?.['application_id'];
    made.close();
    const maker = new DatabaseSync(path);
    maker.exec('BEGIN IMMEDIATE');
    const child = start(`say('opened')`);
    const said = listen(child);
    // By now the other process has seen an empty file, and waits for its turn.
    await new Promise((resolve) => setTimeout(resolve, 700));
    for (const { sql } of parts) maker.exec(String(sql));
    maker.exec(`PRAGMA application_id = ${String(id)}; PRAGMA user_version = 1; COMMIT`);
    maker.close();
    expect((await once(child, 'close'))[0]).toBe(0);
    expect(said[0]).toBe('opened');
  }, 60_000);

  it('that make the same catalog at once make one', async () => {
    const children = [0, 1, 2, 3].map(() => start(`say((await catalog.tip()) ?? 'none')`));
    const said = children.map(listen);
    const codes = await Promise.all(children.map((child) => once(child, 'close')));
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0, 0]);
    expect(said.map(([word]) => word)).toEqual(['none', 'none', 'none', 'none']);
  }, 60_000);
});
