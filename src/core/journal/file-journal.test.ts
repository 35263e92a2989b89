import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrashDisk } from '../../../test/contract/crash-disk.ts';
import { journalContract, readAll } from '../../../test/contract/journal.ts';
import { compiledModule } from '../../../test/support/compiled-module.ts';
import { FileJournal } from './file-journal.ts';
import { diskIo } from './log-file.ts';

journalContract('on disk', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'journal-'));
  return {
    open: (options) => FileJournal.open(join(directory, 'state', 'log'), options),
    remove: async () => rmSync(directory, { recursive: true }),
  };
});

journalContract('in memory', async () => {
  const io = new CrashDisk();
  return {
    open: (options) => FileJournal.open('/log', { ...options, io }),
    remove: async () => {},
  };
});

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'journal-'));
  path = join(directory, 'log');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const close = async (journal: FileJournal): Promise<void> => journal[Symbol.asyncDispose]();

async function write(...records: string[]): Promise<void> {
  await using journal = await FileJournal.open(path);
  for (const record of records) journal.append(Buffer.from(record));
}

describe('the file', () => {
  it('is for its owner only', async () => {
    const deep = join(directory, 'a', 'b', 'log');
    await close(await FileJournal.open(deep));
    expect(statSync(deep).mode & 0o777).toBe(0o600);
    expect(statSync(`${deep}.lock`).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'a', 'b')).mode & 0o777).toBe(0o700);
  });

  it('shrinks when it is cleared', async () => {
    await using journal = await FileJournal.open(path);
    journal.append(Buffer.alloc(3_000_000));
    await journal.sync();
    expect(statSync(path).size).toBe(8192 + 12 + 3_000_000);
    await journal.clear();
    expect(statSync(path).size).toBe(8192);
  });

  it('takes a record of 64 MiB', async () => {
    const record = Buffer.alloc(64 * 1024 * 1024, 'abc');
    {
      await using journal = await FileJournal.open(path);
      journal.append(record);
    }
    await using journal = await FileJournal.open(path);
    for await (const found of journal.records()) expect(record.equals(found)).toBe(true);
    expect(journal.recordCount).toBe(1);
  });

  it('is read in small steps, however much is in it', async () => {
    const io = new CrashDisk();
    await using journal = await FileJournal.open('/log', { io });
    for (let index = 0; index < 100; index += 1) journal.append(Buffer.alloc(100_000, index));
    await journal.sync();
    await using reader = await FileJournal.open('/log', { io, readOnly: true });
    let count = 0;
    for await (const record of reader.records()) count += record.length;
    expect(count).toBe(10_000_000);
    expect(io.largestRead).toBeLessThanOrEqual(1024 * 1024);
  });

  it('is cut behind the last whole record', async () => {
    await write('one', 'two', 'three');
    truncateSync(path, statSync(path).size - 1);
    {
      await using journal = await FileJournal.open(path);
      expect(journal).toMatchObject({ recordCount: 2, bytesCut: 12 + 4 });
      journal.append(Buffer.from('four'));
    }
    await using journal = await FileJournal.open(path);
    expect(await readAll(journal.records())).toEqual(['one', 'two', 'four']);
    expect(journal.bytesCut).toBe(0);
  });

  it('is not cut when it is only read', async () => {
    await write('one', 'two');
    truncateSync(path, statSync(path).size - 1);
    const before = readFileSync(path);
    await using journal = await FileJournal.open(path, { readOnly: true });
    expect(journal).toMatchObject({ recordCount: 1, bytesCut: 12 + 2 });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('does not bring cut records back behind a new one of the same length', async () => {
    await write('aaa', 'bbb', 'ccc');
    const bytes = readFileSync(path);
    const second = 8192 + 15;
    bytes.writeUInt8(0, second + 12);
    writeFileSync(path, bytes);
    await write('BBB');
    // As if the truncation had not reached the disk: the third record is back at its old place.
    writeFileSync(path, Buffer.concat([readFileSync(path), bytes.subarray(second + 15)]));
    await using journal = await FileJournal.open(path);
    expect(await readAll(journal.records())).toEqual(['aaa', 'BBB']);
    expect(journal.bytesCut).toBe(15);
  });
});

describe('what is no journal', () => {
  it.each([
    ['text', Buffer.from('127.0.0.1 localhost\n')],
    ['a large file', Buffer.alloc(100_000, 1)],
    ['a large file of zeros', Buffer.alloc(100_000)],
    ['a header that is gone', Buffer.concat([Buffer.from('VERSJRNL'), Buffer.alloc(9000)])],
  ])('is refused and left alone: %s', async (_what, content) => {
    writeFileSync(path, content);
    for (const readOnly of [true, false]) {
      await expect(FileJournal.open(path, { readOnly })).rejects.toMatchObject({
        kind: 'Corrupt',
        code: 'JOURNAL_DAMAGED',
      });
    }
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it.each([
    ['a directory', true],
    ['a directory', false],
  ])('is refused: %s, readOnly %s', async (_what, readOnly) => {
    await expect(FileJournal.open(directory, { readOnly })).rejects.toMatchObject({
      kind: 'Corrupt',
    });
    rmSync(`${directory}.lock`, { force: true });
  });

  it('is missing', async () => {
    await expect(FileJournal.open(path, { readOnly: true })).rejects.toMatchObject({
      kind: 'NotFound',
      code: 'JOURNAL_MISSING',
    });
    expect(existsSync(path)).toBe(false);
  });

  it('cannot be made where a file is in the way', async () => {
    writeFileSync(path, '');
    await expect(FileJournal.open(join(path, 'log'))).rejects.toMatchObject({
      name: 'VersionsError',
    });
  });
});

describe('two writers', () => {
  /** As if the lock had been lost without a word. */
  const io = { ...diskIo, lock: () => ({ release() {} }) };

  it('the one with the old view cannot append after a clear', async () => {
    await using old = await FileJournal.open(path, { io });
    old.append(Buffer.from('old'));
    await old.sync();
    {
      await using other = await FileJournal.open(path, { io });
      await other.clear();
      other.append(Buffer.from('new'));
    }
    const before = readFileSync(path);
    old.append(Buffer.from('late'));
    const conflict = { kind: 'Conflict', code: 'JOURNAL_CHANGED' };
    await expect(old.sync()).rejects.toMatchObject(conflict);
    await expect(old.clear()).rejects.toMatchObject(conflict);
    await expect(old.flush(async () => {})).rejects.toMatchObject(conflict);
    expect(() => old.append(Buffer.from('late'))).toThrow(expect.objectContaining(conflict));
    expect(readFileSync(path).equals(before)).toBe(true);
    await using journal = await FileJournal.open(path, { readOnly: true });
    expect(await readAll(journal.records())).toEqual(['new']);
  });

  it('the earlier one cannot append even when the later one has only opened it', async () => {
    await using earlier = await FileJournal.open(path, { io });
    await using later = await FileJournal.open(path, { io });
    earlier.append(Buffer.from('earlier'));
    await expect(earlier.sync()).rejects.toMatchObject({ code: 'JOURNAL_CHANGED' });
    later.append(Buffer.from('later'));
    await later.sync();
    expect(await readAll(later.records())).toEqual(['later']);
  });

  it('that open it in the same moment: one of them can write', async () => {
    const journals = await Promise.all([0, 1, 2].map(() => FileJournal.open(path, { io })));
    for (const [index, journal] of journals.entries()) journal.append(Buffer.from(`${index}`));
    const results = await Promise.allSettled(journals.map((journal) => journal.sync()));
    expect(results.map(({ status }) => status).toSorted()).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    for (const journal of journals) await close(journal);
    await using journal = await FileJournal.open(path);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(await readAll(journal.records())).toEqual([`${winner}`]);
  });

  it('notices that its header was damaged', async () => {
    const disk = new CrashDisk();
    const journal = await FileJournal.open('/log', { io: disk });
    journal.append(Buffer.from('a'));
    await journal.sync();
    await journal.clear();
    // Both slots say the same, but the one that is left is older than what this writer wrote.
    disk.poke(
      disk.calls.findLast((call) => call.kind === 'write')?.position ?? 0,
      Buffer.from('x'),
    );
    journal.append(Buffer.from('b'));
    await expect(journal.sync()).rejects.toMatchObject({ code: 'JOURNAL_CHANGED' });
  });

  it.each(['removed', 'replaced'])('nothing goes into a file that was %s', async (what) => {
    await using journal = await FileJournal.open(path);
    journal.append(Buffer.from('a'));
    renameSync(path, `${path}.old`);
    if (what === 'replaced') writeFileSync(path, readFileSync(`${path}.old`));
    await expect(journal.sync()).rejects.toMatchObject({ code: 'JOURNAL_CHANGED' });
  });

  it('in other processes are kept out until they die', async () => {
    const child = startHolder(path);
    await once(child.stdout ?? child, 'data');
    await expect(FileJournal.open(path)).rejects.toMatchObject({ code: 'JOURNAL_BUSY' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await using journal = await FileJournal.open(path);
    expect(await readAll(journal.records())).toEqual(['held']);
  });

  it('does not trust an old lock file', async () => {
    writeFileSync(`${path}.lock`, '');
    await close(await FileJournal.open(path));
    chmodSync(`${path}.lock`, 0o600);
    writeFileSync(`${path}.lock`, 'x'.repeat(5000));
    await expect(FileJournal.open(path)).rejects.toMatchObject({ code: 'JOURNAL_LOCK_FAILED' });
  });
});

/** Another process that opens the journal, appends and syncs one record, and stays. */
function startHolder(journalPath: string): ChildProcess {
  const program = `
    const { FileJournal } = await import('${compiledModule('journal/index.ts')}');
    const journal = await FileJournal.open(${JSON.stringify(journalPath)});
    journal.append(Buffer.from('held'));
    await journal.sync();
    console.log('ready');
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
