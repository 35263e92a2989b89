import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, failureOf, infosOf, keysOf } from '../../../test/contract/object-store.ts';
import { compiledModule } from '../../../test/support/compiled-module.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { VersionsError } from '../errors/index.ts';
import { DirectoryStore } from './directory-store.ts';
import { storeErrorFrom } from './system-errors.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'versions-directory-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const part = bytesOf(1, 100);

describe('where the directory is', () => {
  it('is refused when it does not exist, with a hint, and made when asked for', async () => {
    const path = join(root, 'not', 'yet');
    const error = await DirectoryStore.open(path).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'Unavailable', code: 'STORE_ABSENT' });
    expect(error).toHaveProperty('hint', expect.stringContaining('versions config show'));
    const store = await DirectoryStore.open(path, { create: true });
    await store.put('a', [part]);
    expect((await stat(join(root, 'not'))).mode & 0o777).toBe(0o700);
    expect(await readFile(join(path, 'a'))).toHaveLength(100);
  });

  it('is refused when it is a file', async () => {
    await writeFile(join(root, 'file'), '');
    const opened = DirectoryStore.open(join(root, 'file'));
    expect(await failureOf(opened)).toBe('Usage STORE_NOT_DIRECTORY');
    const below = DirectoryStore.open(join(root, 'file', 'below'));
    expect(await failureOf(below)).toBe('Unavailable STORE_ABSENT');
  });

  it('may be a symbolic link', async () => {
    await mkdir(join(root, 'real'));
    await symlink('real', join(root, 'link'));
    const store = await DirectoryStore.open(join(root, 'link'));
    await store.put('dir/a', [part]);
    expect(await readdir(join(root, 'real', 'dir'))).toEqual(['a']);
  });

  it.each(['removed', 'replaced'])('is absent as a whole once it was %s', async (fate) => {
    const path = join(root, 'store');
    const store = await DirectoryStore.open(path, { create: true });
    await store.put('packs/a', [part]);
    await rename(path, join(root, 'elsewhere'));
    if (fate === 'replaced') await mkdir(path);
    const absent = 'Unavailable STORE_ABSENT';
    expect(await failureOf(store.put('packs/b', [part]))).toBe(absent);
    expect(await failureOf(store.put('c', [part], { ifAbsent: true }))).toBe(absent);
    expect(await failureOf(store.get('packs/a'))).toBe(absent);
    expect(await failureOf(store.head('packs/a'))).toBe(absent);
    expect(await failureOf(store.delete('packs/a'))).toBe(absent);
    expect(await failureOf(keysOf(store.list('')))).toBe(absent);
    expect(await failureOf(keysOf(store.list('packs/')))).toBe(absent);
    expect(await readdir(root)).toEqual(
      fate === 'replaced' ? ['elsewhere', 'store'] : ['elsewhere'],
    );
    expect(fate === 'replaced' ? await readdir(path) : []).toEqual([]);
  });

  it('gets back directories that were removed while it was open', async () => {
    const store = await DirectoryStore.open(root);
    await store.put('packs/00/a', [part]);
    await rm(join(root, 'packs'), { recursive: true });
    await store.put('packs/00/b', [part]);
    expect(await keysOf(store.list(''))).toEqual(['packs/00/b']);
  });
});

describe('files and directories', () => {
  it('are for the owner alone', async () => {
    const store = await DirectoryStore.open(root);
    await store.put('packs/00/a', [part]);
    await store.put('packs/00/b', [part], { ifAbsent: true });
    expect((await stat(join(root, 'packs'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, 'packs/00'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, 'packs/00/a'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, 'packs/00/b'))).mode & 0o777).toBe(0o600);
  });

  it('leave no unfinished write behind, whatever happens', async () => {
    const store = await DirectoryStore.open(root);
    await store.put('a', [part]);
    await store.put('b', [part], { ifAbsent: true });
    await failureOf(store.put('b', [part], { ifAbsent: true }));
    await mkdir(join(root, 'c'));
    expect(await failureOf(store.put('c', [part]))).toBe('Denied OBJECT_UNREADABLE');
    expect(await failureOf(store.put('a/below', [part]))).toBe('Denied OBJECT_UNREADABLE');
    const controller = new AbortController();
    const put = store.put('d', [bytesOf(1, 30_000_000)], { signal: controller.signal });
    while ((await readdir(root)).length < 4) await new Promise(setImmediate);
    controller.abort();
    expect(await failureOf(put)).toBe('Cancelled CANCELLED');
    expect(await readdir(root)).toEqual(['a', 'b', 'c']);
  });

  it('that nobody put there do no harm', async () => {
    const store = await DirectoryStore.open(root);
    await store.put('packs/00/a', [part]);
    await mkdir(join(root, 'lost+found'), { mode: 0o000 });
    await mkdir(join(root, '.snapshot'));
    await writeFile(join(root, '.snapshot', 'old'), 'x');
    await writeFile(join(root, '.DS_Store'), 'x');
    await writeFile(join(root, 'Readme.txt'), 'x');
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]), 'x');
    await writeFile(join(root, `.tmp-${'0'.repeat(32)}`), 'half');
    await writeFile(join(root, 'packs', '00', `.tmp-${'1'.repeat(32)}`), 'half');
    expect(await keysOf(store.list(''))).toEqual(['packs/00/a']);
  });
});

describe('what is not a regular file', () => {
  const unreadable = 'Denied OBJECT_UNREADABLE';

  it.each(['link', 'link to nowhere', 'fifo', 'socket'])('%s is not read', async (what) => {
    const store = await DirectoryStore.open(join(root, 'store'), { create: true });
    const path = join(root, 'store', 'object');
    await writeFile(join(root, 'secret'), 'secret');
    const server = createServer();
    if (what === 'link') await symlink(join(root, 'secret'), path);
    if (what === 'link to nowhere') await symlink('nowhere', path);
    if (what === 'fifo') execFileSync('mkfifo', [path]);
    if (what === 'socket') await new Promise<void>((done) => server.listen(path, done));
    expect(await failureOf(store.get('object'))).toBe(unreadable);
    expect(await failureOf(store.head('object'))).toBe(unreadable);
    expect(await keysOf(store.list(''))).toEqual(['object']);
    await store.put('object', [part]);
    expect(await store.head('object')).toEqual({ key: 'object', bytes: 100 });
    expect(await readFile(join(root, 'secret'), 'utf8')).toBe('secret');
    server.close();
  });

  it('a linked directory is neither read, written, listed nor emptied', async () => {
    await mkdir(join(root, 'outside'));
    await writeFile(join(root, 'outside', 'a'), 'secret');
    await mkdir(join(root, 'store', 'real'), { recursive: true });
    await symlink('../outside', join(root, 'store', 'packs'));
    const store = await DirectoryStore.open(join(root, 'store'));
    expect(await failureOf(store.get('packs/a'))).toBe(unreadable);
    expect(await failureOf(store.head('packs/a'))).toBe(unreadable);
    expect(await failureOf(store.put('packs/b', [part]))).toBe(unreadable);
    expect(await failureOf(store.put('packs/deep/b', [part]))).toBe(unreadable);
    expect(await failureOf(store.delete('packs/a'))).toBe(unreadable);
    expect(await failureOf(keysOf(store.list('packs/')))).toBe(unreadable);
    expect(await keysOf(store.list(''))).toEqual(['packs']);
    expect(await readdir(join(root, 'outside'))).toEqual(['a']);
  });

  it('a file beyond all sizes is not read into memory', async () => {
    const store = await DirectoryStore.open(root);
    await writeFile(join(root, 'huge'), '');
    await truncate(join(root, 'huge'), 2 ** 40);
    expect(await failureOf(store.get('huge'))).toBe(unreadable);
    expect(await store.get('huge', { range: { offset: 2 ** 40 - 5, length: 10 } })).toHaveLength(5);
    expect(await store.head('huge')).toEqual({ key: 'huge', bytes: 2 ** 40 });
  });
});

describe('reading only', () => {
  it('refuses to write, delete and sweep', async () => {
    await (await DirectoryStore.open(root)).put('a', [part]);
    const store = await DirectoryStore.open(root, { readOnly: true });
    expect(await failureOf(store.put('b', [part]))).toBe('Denied STORE_READ_ONLY');
    expect(await failureOf(store.delete('a'))).toBe('Denied STORE_READ_ONLY');
    const swept = store.sweepTemporaries(new FakeClock());
    expect(await failureOf(swept)).toBe('Denied STORE_READ_ONLY');
    expect(await store.get('a')).toHaveLength(100);
    const made = DirectoryStore.open(join(root, 'x'), { readOnly: true, create: true });
    expect(await failureOf(made)).toBe('Internal ASSERTION_FAILED');
  });
});

describe('unfinished writes', () => {
  it('are swept when they are older than a day, and nothing else is', async () => {
    const clock = new FakeClock();
    const store = await DirectoryStore.open(root);
    const seconds = clock.now() / 1000;
    const old = [`.tmp-${'a'.repeat(32)}`, `packs/00/.tmp-${'b'.repeat(32)}`];
    const kept = [
      `.tmp-${'c'.repeat(32)}`,
      '.tmp-mine',
      `packs/00/.tmp-${'d'.repeat(32)}x`,
      `.hidden/.tmp-${'e'.repeat(32)}`,
      `packs/00/${'f'.repeat(32)}`,
    ];
    await mkdir(join(root, 'packs', '00'), { recursive: true });
    await mkdir(join(root, '.hidden'));
    for (const name of [...old, ...kept]) {
      await writeFile(join(root, name), 'half');
      await utimes(join(root, name), seconds, seconds - 86_401);
    }
    await utimes(join(root, kept[0] ?? ''), seconds, seconds - 86_399);
    await symlink('/etc/passwd', join(root, `.tmp-${'9'.repeat(32)}`));
    expect(await store.sweepTemporaries(clock)).toEqual({ files: 2, bytes: 8 });
    for (const name of old) await expect(stat(join(root, name))).rejects.toThrow('ENOENT');
    for (const name of kept) expect((await stat(join(root, name))).size).toBe(4);
  });
});

describe('a process that is killed', () => {
  const program = `
    import { createHash } from 'node:crypto';
    import { DirectoryStore } from '${compiledModule('store/index.ts')}';
    const store = await DirectoryStore.open(process.argv[1]);
    const write = async (worker) => {
      for (let number = 0; ; number += 1) {
        const bytes = Buffer.alloc(300_000 + number, worker + number);
        const name = createHash('sha256').update(bytes).digest('hex');
        const parts = [bytes.subarray(0, 1000), bytes.subarray(1000)];
        await store.put('packs/' + name.slice(0, 2) + '/' + name, parts, { ifAbsent: worker > 1 });
        console.log(name);
      }
    };
    await Promise.all([0, 64, 128, 192].map(write));
  `;

  it('leaves whole objects, among them all that it confirmed', async () => {
    for (const objects of [1, 7, 40]) {
      const path = await mkdtemp(join(root, 'killed-'));
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const confirmed: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        confirmed.push(line);
        if (confirmed.length === objects) child.kill('SIGKILL');
      }
      const store = await DirectoryStore.open(path);
      const found = await infosOf(store.list('packs/'));
      expect(confirmed.length).toBeGreaterThanOrEqual(objects);
      for (const { key } of found) {
        const hash = createHash('sha256')
          .update(await store.get(key))
          .digest('hex');
        expect(key).toBe(`packs/${hash.slice(0, 2)}/${hash}`);
      }
      const names = found.map(({ key }) => key.slice('packs/00/'.length));
      expect(names).toEqual(expect.arrayContaining(confirmed));
    }
  });
});

describe('failed system calls', () => {
  const call = { action: 'write', location: '/mnt/nas', key: 'packs/a' } as const;
  const systemError = (code: string): Error => Object.assign(new Error(code), { code });

  it.each([
    ['ENOSPC', 'Unavailable', 'STORE_FULL'],
    ['EDQUOT', 'Unavailable', 'STORE_FULL'],
    ['EACCES', 'Denied', 'STORE_DENIED'],
    ['EPERM', 'Denied', 'STORE_DENIED'],
    ['EROFS', 'Denied', 'STORE_DENIED'],
    ['EIO', 'Unavailable', 'STORE_UNAVAILABLE'],
    ['ESTALE', 'Unavailable', 'STORE_UNAVAILABLE'],
    ['EMFILE', 'Unavailable', 'STORE_UNAVAILABLE'],
  ])('%s is %s %s', (code, kind, expected) => {
    const error = storeErrorFrom(systemError(code), call);
    expect(error).toMatchObject({ kind, code: expected, cause: { code } });
    expect(error.message).toContain('/mnt/nas');
    expect(error.hint === undefined).toBe(expected === 'STORE_UNAVAILABLE');
  });

  it('leave an error of ours as it is', () => {
    const error = new VersionsError('Conflict', 'OBJECT_EXISTS', 'It is there');
    expect(storeErrorFrom(error, call)).toBe(error);
  });

  it.skipIf(process.getuid?.() === 0)('show as such when permissions are missing', async () => {
    const store = await DirectoryStore.open(root);
    await store.put('dir/a', [part]);
    await chmod(join(root, 'dir'), 0o500);
    expect(await failureOf(store.put('dir/b', [part]))).toBe('Denied STORE_DENIED');
    expect(await failureOf(store.delete('dir/a'))).toBe('Denied STORE_DENIED');
    await chmod(join(root, 'dir'), 0o000);
    expect(await failureOf(store.get('dir/a'))).toBe('Denied STORE_DENIED');
    expect(await failureOf(keysOf(store.list('')))).toBe('Denied STORE_DENIED');
    await chmod(join(root, 'dir'), 0o700);
  });
});
