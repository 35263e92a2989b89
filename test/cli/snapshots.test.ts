import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

/** Every test here only reads: one repository serves them all. */
let machine: Machine;
let ids: string[];
beforeAll(async () => {
  machine = new Machine();
  await machine.run(['init', '--mirror', 'a=one', '--mirror', 'b=two', '--unsafe-no-encryption']);
  await machine.write({ 'data/a.txt': 'first\n', 'data/sub/b.txt': 'b\n', 'data/\u001b[2Jx': 'x' });
  ids = [await backup('--tag', 'one')];
  await machine.write({ 'data/a.txt': 'second version\n' });
  ids.push(await backup('--tag', 'two'));
});
afterAll(() => machine[Symbol.dispose]());

async function backup(...flags: string[]): Promise<string> {
  const { summary } = await machine.run(['backup', 'data', ...flags, '--json']);
  return String(summary['snapshotId']);
}

describe('snapshots', () => {
  it('lists them, oldest first', async () => {
    const { documents, summary } = await machine.run(['snapshots', '--json']);
    expect(documents.slice(0, 2).map(({ id }) => id)).toEqual(ids);
    expect(documents[1]).toMatchObject({
      type: 'snapshot',
      paths: [machine.path('data')],
      tags: ['two'],
      partial: false,
      problems: 0,
      parent: ids[0],
      stats: expect.objectContaining({ files: 3, filesChanged: 1, filesUnchanged: 2 }),
    });
    expect(summary).toEqual({ type: 'summary', command: 'snapshots', snapshots: 2, exitCode: 0 });
  });

  it.each([
    [['--tag', 'one'], 1],
    [['--path', 'data'], 2],
    [['--path', 'data/sub'], 0],
    [['--host', 'nobody'], 0],
    [['--since', '1999-01-01', '--until', '2099-01-01'], 2],
    [['--since', '2099-01-01'], 0],
    [['--until', '1999-01-01'], 0],
    [['--latest', '1'], 1],
    [['--latest', '1', '--group-by', 'tags'], 2],
    [['--latest', '9'], 2],
  ])('filters by %j', async (flags, count) => {
    expect((await machine.run(['snapshots', ...flags, '--json'])).summary).toMatchObject({
      snapshots: count,
    });
  });

  it('keeps the newest of each group', async () => {
    const { documents } = await machine.run(['snapshots', '--latest', '1', '--json']);
    expect(documents[0]?.['id']).toBe(ids[1]);
  });

  it('shows a table for each group', async () => {
    const { stdout } = await machine.run(['snapshots', '-g', 'tag,paths']);
    const titles = stdout.split('\n').filter((line) => line.startsWith('tags '));
    const paths = machine.path('data');
    expect(titles).toEqual([`tags one, paths ${paths}:`, `tags two, paths ${paths}:`]);
  });

  it.each([
    [['-g', 'color'], /^error: --group-by must name some of host, paths, tags, /],
    [['--since', 'yesterday'], /^error: --since must be a time such as /],
    [['--latest', '0'], /^error: --latest must be /],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await machine.run(['snapshots', ...flags]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('--log-file', () => {
  it('keeps messages and the summary, each with time and process', async () => {
    await machine.run(['backup', '-n', 'data', 'nowhere', '--log-file', 'log.txt', '-q']);
    await machine.run(['cat', 'latest:/nowhere', '--log-file', 'log.txt']);
    const lines = (await readFile(machine.path('log.txt'), 'utf8')).trimEnd().split('\n');
    const texts = lines.map((line) => line.replace(/^\d{4}-\S+T\S+Z \d+ /, ''));
    expect(texts[0]).toBe('versions backup data nowhere');
    expect(texts.some((text) => text.startsWith('problem: '))).toBe(true);
    expect(texts.some((text) => text.startsWith('{"type":"summary","command":"backup"'))).toBe(
      true,
    );
    expect(texts).toContain('versions cat latest:/nowhere');
    expect(texts.some((text) => text.startsWith('error: '))).toBe(true);
    expect((await stat(machine.path('log.txt'))).mode & 0o777).toBe(0o600);
  });

  it('is refused where it cannot be written', async () => {
    const { code, stderr } = await machine.run(['snapshots', '--log-file', 'no/such/log.txt']);
    expect(stderr).toMatch(/^error: The log file .* cannot be opened: ENOENT\nhint: /);
    expect(code).toBe(2);
  });
});

describe('naming a snapshot', () => {
  const content = (selector: string, ...flags: string[]): Promise<string> =>
    machine
      .run(['cat', `${selector}:${machine.path('data/a.txt')}`, ...flags])
      .then(({ stdout }) => stdout);

  it('works by id, beginning of an id, age and date', async () => {
    expect(await content(ids[0] ?? '')).toBe('first\n');
    expect(await content((ids[0] ?? '').slice(0, 10))).toBe('first\n');
    expect(await content('latest')).toBe('second version\n');
    expect(await content('latest~1')).toBe('first\n');
    expect(await content('latest', '--tag', 'one')).toBe('first\n');
    expect(await content('@2099-01-01')).toBe('second version\n');
  });

  it.each([['latest~9'], ['ffffffffffff'], ['@1999-01-01'], ['nonsense']])(
    'refuses %s with a sentence and a hint',
    async (selector) => {
      const { code, stderr } = await machine.run(['ls', selector]);
      expect(stderr).toMatch(/^error: .+\nhint: .+\n$/);
      expect([1, 2]).toContain(code);
    },
  );
});
