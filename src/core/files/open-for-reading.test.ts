import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  readSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { openForReading, readlink, readSmallFile } from './open-for-reading.ts';

let directory: TemporaryDirectory;
beforeAll(() => {
  directory = new TemporaryDirectory();
  writeFileSync(directory.text('file'), 'content');
});
afterAll(() => directory.remove());

const replaced = expect.objectContaining({ kind: 'Source', code: 'SOURCE_REPLACED' });

describe('openForReading', () => {
  it('opens a file and leaves its access time alone', () => {
    utimesSync(directory.root, 1, 1);
    utimesSync(directory.text('file'), 1000, 2000);
    const fd = openForReading(directory.path('file'));
    expect(readSync(fd, Buffer.alloc(10))).toBe(7);
    closeSync(fd);
    expect(statSync(directory.text('file')).atimeMs).toBe(1_000_000);
  });

  it('refuses whatever took the place of a file, without waiting', async () => {
    symlinkSync('file', directory.text('link'));
    execFileSync('mkfifo', [directory.text('fifo')]);
    mkdirSync(directory.text('directory'));
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(directory.text('socket'), resolve));
    for (const name of ['link', 'fifo', 'directory', 'socket']) {
      expect(() => openForReading(directory.path(name))).toThrow(replaced);
    }
    expect(() => openForReading(bytes('/dev/null'))).toThrow(replaced);
    await new Promise((resolve) => void server.close(resolve));
  });

  it('says what is gone', () => {
    expect(() => openForReading(directory.path('none'))).toThrow(
      expect.objectContaining({ code: 'SOURCE_VANISHED' }),
    );
  });

  const setpriv = existsSync('/usr/bin/setpriv') && process.getuid?.() === 0;
  it.runIf(setpriv)('reads files of others, and says which it may not', () => {
    writeFileSync(directory.text('secret'), '', { mode: 0o600 });
    const program = `
      import { openForReading } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
      console.log(openForReading(${JSON.stringify(directory.path('file'))}) > 2);
      try { openForReading(${JSON.stringify(directory.path('secret'))}) } catch (error) { console.log(error.code, error.hint) }`;
    const ids = ['--reuid=12345', '--regid=12345', '--clear-groups'];
    const options = [...ids, process.execPath, '--input-type=module', '-e', program];
    const output = execFileSync('setpriv', options, { encoding: 'utf8', cwd: '/' });
    expect(output).toMatch(/^true\nSOURCE_DENIED .*--exclude/);
  });
});

describe('readlink', () => {
  it('gives the bytes', () => {
    symlinkSync(Buffer.from('\xff\n/..', 'latin1'), directory.text('odd'));
    expect(readlink(directory.path('odd'))).toBe('\xff\n/..');
    expect(() => readlink(directory.path('file'))).toThrow(replaced);
    expect(() => readlink(directory.path('none'))).toThrow(
      expect.objectContaining({ code: 'SOURCE_VANISHED' }),
    );
  });
});

describe('readSmallFile', () => {
  it('reads up to the limit and refuses more', () => {
    expect(readSmallFile(directory.path('file'), 7).toString()).toBe('content');
    expect(() => readSmallFile(directory.path('file'), 6)).toThrow(
      expect.objectContaining({ code: 'SOURCE_TOO_LARGE' }),
    );
  });
});
