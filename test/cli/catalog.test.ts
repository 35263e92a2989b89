import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitErrorIn, Machine } from './machine.ts';

let machine: Machine;
const catalog = 'home/.local/share/versions/home/catalog.db';
const config = 'home/.config/versions/config.toml';

beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': 'hello\n' });
  await machine.run(['init', 'home', '--mirror', 'a=one', '--mirror', 'b=two']);
  await machine.run(['backup', 'data']);
});
afterEach(() => machine[Symbol.dispose]());

describe('catalog copy', () => {
  it('moves the catalog, changes the configuration, and closes the old one', async () => {
    const url = `sqlite:${machine.path('other', 'new.db')}`;
    const { code, summary } = await machine.run(['catalog', 'copy', '--to', url, '--json']);
    expect(summary).toMatchObject({ command: 'catalog copy', to: url, snapshots: 1, entries: 4 });
    expect(code).toBe(0);
    const text = await readFile(machine.path(config), 'utf8');
    expect(text).toContain(`catalog = "${url}"`);
    // The cache has moved with it: nothing is read again.
    const again = await machine.run(['backup', 'data', '--json']);
    expect(again.summary).toMatchObject({ filesUnchanged: 1, filesNew: 0, exitCode: 0 });
    await writeFile(machine.path(config), text.replace(url, `sqlite:${machine.path(catalog)}`));
    const old = await machine.run(['backup', 'data', '--json']);
    expect(exitErrorIn(old)).toMatchObject({ code: 'CATALOG_MOVED' });
    expect(old.code).toBe(11);
  });

  it('wants a place', async () => {
    const outcome = await machine.run(['catalog', 'copy']);
    expect(outcome.stderr).toMatch(/^error: .*\nhint: versions catalog copy --to URL/);
    expect(outcome.code).toBe(2);
  });
});

describe('catalog verify', () => {
  it('ends with 0 if all is well, with 20 and what is wrong if not', async () => {
    const well = await machine.run(['catalog', 'verify']);
    expect(well.stdout).toMatch(/^catalog of home: 3 journal entries, .* 0 findings, 0 lost\n$/);
    expect(well.code).toBe(0);
    const old = await readFile(machine.path(catalog));
    await machine.run(['backup', 'data']);
    await writeFile(machine.path(catalog), old);
    const { code, documents, summary } = await machine.run(['catalog', 'verify', '--json']);
    expect(code).toBe(20);
    expect(documents[0]).toMatchObject({ type: 'finding', kind: 'stale', mirror: '(catalog)' });
    expect(summary).toMatchObject({ entries: 3, snapshots: 1, findings: 5, lost: 0 });
  });
});

describe('catalog rebuild', () => {
  it('is what a missing, empty or damaged catalog asks for', async () => {
    const whole = await readFile(machine.path(catalog));
    const states = [undefined, Buffer.alloc(0), whole.subarray(0, 8192), Buffer.from('what?')];
    for (const bytes of states) {
      if (bytes === undefined) await rm(machine.path(catalog));
      else await writeFile(machine.path(catalog), bytes);
      const refused = await machine.run(['backup', 'data']);
      expect(refused.stderr).toMatch(/^error: .*\nhint: .*versions catalog rebuild/m);
      expect([1, 10]).toContain(refused.code);
      const { code, stdout } = await machine.run(['catalog', 'rebuild']);
      expect(stdout).toMatch(/^catalog of home rebuilt: 1 snapshot, /);
      expect(code).toBe(0);
    }
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    expect((await machine.run(['verify', '--level', 'data'])).code).toBe(0);
  });

  it('without journals marks what it found, and names the mirrors that it did not ask', async () => {
    for (const mirror of ['one', 'two']) {
      await rm(machine.path(mirror, 'journal'), { recursive: true });
    }
    const outcome = await machine.run(['catalog', 'rebuild', '--from', 'a', '--json']);
    expect(outcome.code).toBe(3);
    expect(outcome.summary).toMatchObject({
      command: 'catalog rebuild',
      repository: 'home',
      entries: 0,
      recovered: 1,
      snapshots: 1,
      notAsked: ['b'],
      mayLack: true,
    });
    expect((await machine.run(['snapshots'])).stdout).toContain('(recovered)');
    const listed = await machine.run(['snapshots', '--json']);
    expect(listed.documents[0]).toMatchObject({ type: 'snapshot', recovered: true });
    expect((await machine.run(['cat', `latest:${machine.path('data/a.txt')}`])).stdout).toBe(
      'hello\n',
    );
  });

  it('makes the catalog elsewhere, and says so in the configuration', async () => {
    const url = `sqlite:${machine.path('other', 'new.db')}`;
    await mkdir(machine.path('other'));
    const { code, stderr } = await machine.run(['catalog', 'rebuild', '--to', url]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readFile(machine.path(config), 'utf8')).toContain(`catalog = "${url}"`);
    expect(await readdir(machine.path('other'))).toContain('new.db');
    await rm(machine.path(catalog));
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
  });

  it('is not for a place, nor for a mirror that is not configured', async () => {
    const place = await machine.run(['catalog', 'rebuild', '-r', './one', '--json']);
    expect(exitErrorIn(place)).toMatchObject({ code: 'PLACE_IS_READ_ONLY' });
    const other = await machine.run(['catalog', 'rebuild', '--from', 'c', '--json']);
    expect(exitErrorIn(other)).toMatchObject({ code: 'MIRROR_UNKNOWN' });
    expect((await machine.run(['snapshots'])).code).toBe(0);
  });
});
