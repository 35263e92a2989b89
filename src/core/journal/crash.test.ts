import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { CrashDisk, systemError } from '../../../test/contract/crash-disk.ts';
import { readAll } from '../../../test/contract/journal.ts';
import { VersionsError } from '../errors/index.ts';
import { FileJournal } from './file-journal.ts';

const open = (io: CrashDisk, readOnly = false): Promise<FileJournal> =>
  FileJournal.open('/log', { io, readOnly });
const append = (journal: FileJournal, ...records: string[]): void => {
  for (const record of records) journal.append(Buffer.from(record));
};

/** What a log may hold: a beginning of `records`, at least the first `least` of them. */
interface Allowed {
  readonly records: readonly string[];
  readonly least: number;
}

/** One step of a story, and what the log may hold if the power is cut while it runs. */
interface Step {
  readonly run: (journal: FileJournal) => Promise<void> | void;
  readonly allowed: readonly Allowed[];
}

const all = (...records: string[]): Allowed => ({ records, least: records.length });

const story: readonly Step[] = [
  { run: (j) => append(j, 'a', 'bb', ''), allowed: [{ records: [], least: 0 }] },
  { run: (j) => j.sync(), allowed: [{ records: ['a', 'bb', ''], least: 0 }] },
  { run: (j) => append(j, 'ccc'), allowed: [all('a', 'bb', '')] },
  {
    run: (j) => j.clear(),
    allowed: [{ records: ['a', 'bb', '', 'ccc'], least: 3 }, all()],
  },
  { run: (j) => append(j, 'A', 'BB', 'CCC'), allowed: [all()] },
  { run: (j) => j.sync(), allowed: [{ records: ['A', 'BB', 'CCC'], least: 0 }] },
  {
    run: (j) =>
      j.flush(async (records) => {
        await readAll(records);
        append(j, 'D');
        await j.sync();
        append(j, 'E');
      }),
    allowed: [
      { records: ['A', 'BB', 'CCC', 'D', 'E'], least: 3 },
      { records: ['D', 'E'], least: 1 },
    ],
  },
  {
    run: (j) => j.flush(async (records) => void (await readAll(records))),
    allowed: [{ records: ['D', 'E'], least: 1 }, all()],
  },
  { run: (j) => append(j, 'f'), allowed: [all()] },
  { run: (j) => j.sync(), allowed: [{ records: ['f'], least: 0 }] },
];

function isAllowed(found: readonly string[], allowed: readonly Allowed[]): boolean {
  return allowed.some(
    ({ records, least }) =>
      found.length >= least &&
      found.length <= records.length &&
      found.every((record, index) => record === records[index]),
  );
}

async function expectAllowed(image: Buffer, allowed: readonly Allowed[]): Promise<void> {
  const disk = new CrashDisk(image);
  const journal = await open(disk);
  const found = await readAll(journal.records());
  assert.ok(isAllowed(found, allowed), `found ${found.join()} not in ${JSON.stringify(allowed)}`);
  // It also works on: what is appended now is all that comes back behind what was found.
  append(journal, 'next');
  await journal[Symbol.asyncDispose]();
  const again = await open(disk, true);
  const second = await readAll(again.records());
  assert.deepEqual(second, [...found, 'next']);
}

describe('a power cut', () => {
  it('at any byte, with any order of unsynced writes, leaves a state before or after', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    let images = 0;
    for (let count = 0; count <= disk.calls.length; count += 1) {
      for (const image of disk.imagesAfterCrash(count)) {
        await expectAllowed(image, [all()]);
        images += 1;
      }
    }
    for (const step of story) {
      const begin = disk.calls.length;
      await step.run(journal);
      for (let count = begin; count <= disk.calls.length; count += 1) {
        for (const image of disk.imagesAfterCrash(count)) {
          await expectAllowed(image, step.allowed);
          images += 1;
        }
      }
    }
    expect(images).toBeGreaterThan(2000);
  }, 60_000);

  it('after a second process has taken over leaves the log whole', async () => {
    const disk = new CrashDisk();
    const creator = await open(disk);
    append(creator, 'a');
    await creator[Symbol.asyncDispose]();
    // Has written its own slot, and is killed before anything syncs it.
    await open(disk);
    const begin = disk.calls.length;
    const killed = new CrashDisk(disk.bytes);
    for (const call of disk.calls) killed.calls.push(call);
    const second = await open(killed);
    append(second, 'b');
    await second.clear();
    let images = 0;
    for (let count = begin; count <= killed.calls.length; count += 1) {
      for (const image of killed.imagesAfterCrash(count)) {
        await expectAllowed(image, [{ records: ['a', 'b'], least: 1 }, all()]);
        images += 1;
      }
    }
    expect(images).toBeGreaterThan(300);
  }, 30_000);

  it('writes a slot of the header only while the other one is durable', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'a');
    await journal.clear();
    append(journal, 'b');
    await journal.flush(async (records) => {
      await readAll(records);
      append(journal, 'c');
    });
    const fresh = new Set<number>();
    let slotsWritten = 0;
    for (const call of disk.calls.slice(1)) {
      if (call.kind === 'sync') fresh.clear();
      if (call.kind !== 'write' || call.position >= 8192) continue;
      assert.ok(!fresh.has(4096 - call.position), 'both slots are on their way');
      fresh.add(call.position);
      slotsWritten += 1;
    }
    expect(slotsWritten).toBe(4);
  });

  it('writes nothing over the old records while they may still be needed', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'x'.repeat(1000));
    await journal.sync();
    const begin = disk.calls.length;
    let appended = 0;
    disk.beforeCall = (call) => {
      // The moment when the new slot has been written and is not yet durable.
      if (call.kind !== 'sync' || appended > 0) return;
      for (; appended < 3; appended += 1) journal.append(Buffer.alloc(800_000, 'y'));
    };
    await journal.clear();
    disk.beforeCall = () => {};
    const kinds = disk.calls.slice(begin).map(({ kind }) => kind);
    expect(appended).toBe(3);
    expect(kinds).toEqual(['write', 'sync', 'truncate', 'write']);
    await journal.sync();
    const found = await readAll((await open(new CrashDisk(disk.bytes))).records());
    expect(found.map((record) => record.length)).toEqual([800_000, 800_000, 800_000]);
  });

  it('truncates only after the new generation is durable', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'a');
    await journal.sync();
    const begin = disk.calls.length;
    await journal.clear();
    const kinds = disk.calls.slice(begin).map(({ kind }) => kind);
    expect(kinds).toEqual(['write', 'sync', 'truncate', 'write']);
  });
});

describe('damage', () => {
  /** A log that has been cleared and flushed in part, so that its header has a history. */
  async function makeLog(): Promise<{ bytes: Buffer; records: readonly string[] }> {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'old one', 'old two', 'old three');
    await journal.clear();
    append(journal, 'flushed');
    await journal.flush(async (found) => {
      await readAll(found);
      append(journal, 'one');
    });
    append(journal, 'two', '', 'x'.repeat(100));
    await journal[Symbol.asyncDispose]();
    return { bytes: disk.bytes, records: ['one', 'two', '', 'x'.repeat(100)] };
  }

  it('by truncation at every byte leaves the records before it', async () => {
    const { bytes, records } = await makeLog();
    let longest = 0;
    for (let size = 0; size <= bytes.length; size += 1) {
      // Inside the padding of the header every size is like the next.
      if (size > 200 && size < 4000) continue;
      if (size > 4300 && size < 8000) continue;
      const journal = await open(new CrashDisk(bytes.subarray(0, size)));
      const found = await readAll(journal.records());
      expect(found).toEqual(records.slice(0, found.length));
      expect(found.length).toBeGreaterThanOrEqual(longest);
      longest = found.length;
    }
    expect(longest).toBe(records.length);
  }, 30_000);

  it('of any one byte loses no record before it, and none at all in the header', async () => {
    const { bytes, records } = await makeLog();
    const start = bytes.length - records.reduce((sum, { length }) => sum + 12 + length, 0);
    const ends = records.map((_, index) =>
      records.slice(0, index + 1).reduce((sum, { length }) => sum + 12 + length, start),
    );
    for (let at = 0; at < bytes.length; at += 1) {
      if ((at > 100 && at < 4090) || (at > 4200 && at < 8190)) continue;
      for (const mask of [0x01, 0xff]) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(at) ^ mask, at);
        const journal = await open(new CrashDisk(damaged));
        const whole = at < start ? records.length : ends.filter((end) => end <= at).length;
        expect(await readAll(journal.records())).toEqual(records.slice(0, whole));
        const cut = at < start ? 0 : bytes.length - (ends[whole - 1] ?? start);
        expect(journal.bytesCut).toBe(cut);
      }
    }
  }, 30_000);

  it('never takes a record from before a clear for a new one', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'same', 'same', 'same');
    await journal.sync();
    const old = disk.bytes.subarray(8192);
    await journal.clear();
    append(journal, 'same');
    await journal.sync();
    disk.poke(8192 + 16, old.subarray(16));
    const again = await open(new CrashDisk(disk.bytes));
    expect(await readAll(again.records())).toEqual(['same']);
    expect(again.bytesCut).toBe(32);
  });

  it('that appears while the log is read is told, not skipped', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'one', 'two');
    await journal.sync();
    disk.poke(8192 + 15 + 12, Buffer.from('X'));
    await expect(readAll(journal.records())).rejects.toMatchObject({
      kind: 'Corrupt',
      code: 'JOURNAL_DAMAGED',
    });
    const failing = journal.flush(async (records) => void (await readAll(records)));
    await expect(failing).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
    expect(disk.bytes.length).toBe(8192 + 30);
  });

  it('by a newer version is told', async () => {
    const { bytes } = await makeLog();
    const { Checksums } = await import('./frames.ts');
    const checksums = await Checksums.create();
    bytes.writeUInt32LE(2, 8);
    bytes.set(checksums.of(bytes.subarray(0, 88)), 88);
    await expect(open(new CrashDisk(bytes))).rejects.toMatchObject({
      kind: 'Unsupported',
      code: 'JOURNAL_TOO_NEW',
    });
  });
});

describe('a failing disk', () => {
  it.each([
    ['ENOSPC', 'JOURNAL_FULL'],
    ['EDQUOT', 'JOURNAL_FULL'],
    ['EIO', 'JOURNAL_FAILED'],
  ])('%s while writing loses nothing, and is over when it is over', async (system, code) => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'one');
    await journal.sync();
    disk.beforeCall = (call) => {
      if (call.kind !== 'write') return;
      disk.poke(call.position, call.bytes.subarray(0, 5));
      throw systemError(system);
    };
    append(journal, 'two');
    await expect(journal.sync()).rejects.toMatchObject({ kind: 'Unavailable', code });
    expect(disk.bytes.length).toBe(8192 + 15);
    const large = Buffer.alloc(1024 * 1024, 'x');
    expect(() => journal.append(large)).toThrow(expect.objectContaining({ code }));
    expect(journal.recordCount).toBe(2);
    expect(await readAll(journal.records())).toEqual(['one', 'two']);
    const found = await open(new CrashDisk(disk.bytes));
    expect(await readAll(found.records())).toEqual(['one']);
    disk.beforeCall = () => {};
    append(journal, 'three');
    await journal.sync();
    await journal[Symbol.asyncDispose]();
    const again = await open(disk);
    expect(await readAll(again.records())).toEqual(['one', 'two', 'three']);
  });

  it.each([
    ['EIO', 'JOURNAL_FAILED'],
    ['ENOSPC', 'JOURNAL_FULL'],
  ])('%s while syncing ends all writing, and what was synced stays', async (system, code) => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'one');
    await journal.sync();
    append(journal, 'two');
    disk.beforeCall = (call) => {
      if (call.kind === 'sync') throw systemError(system);
    };
    const failing = [journal.sync(), journal.sync()];
    for (const sync of failing) {
      await expect(sync).rejects.toMatchObject({ kind: 'Unavailable', code });
    }
    disk.beforeCall = () => {};
    // The second try must not succeed: the kernel may have dropped what it could not write.
    await expect(journal.sync()).rejects.toMatchObject({ code });
    expect(() => append(journal, 'three')).toThrow(expect.objectContaining({ code }));
    await journal[Symbol.asyncDispose]();
    const again = await open(disk);
    expect(await readAll(again.records())).toEqual(['one']);
  });

  it('during a clear leaves the old or the new state', async () => {
    for (let failAt = 0; failAt < 5; failAt += 1) {
      const disk = new CrashDisk();
      const journal = await open(disk);
      append(journal, 'one');
      await journal.sync();
      let calls = 0;
      disk.beforeCall = (call) => {
        if (call.kind === 'read') return;
        calls += 1;
        if (calls > failAt) throw systemError('EIO');
      };
      const outcome = await journal.clear().then(
        () => 'cleared',
        (error: unknown) => (error instanceof VersionsError ? error.code : 'strange'),
      );
      expect(outcome).toBe(failAt < 4 ? 'JOURNAL_FAILED' : 'cleared');
      disk.beforeCall = () => {};
      await journal[Symbol.asyncDispose]();
      const again = await open(disk);
      const found = await readAll(again.records());
      expect(found).toEqual(failAt === 0 ? ['one'] : []);
    }
  });

  it('that cannot be read does not count as a torn tail', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    append(journal, 'one', 'two');
    await journal[Symbol.asyncDispose]();
    const before = disk.bytes;
    for (let failAt = 1; failAt <= 3; failAt += 1) {
      let reads = 0;
      disk.beforeCall = (call) => {
        reads += 1;
        if (call.kind === 'read' && reads === failAt) throw systemError('EIO');
      };
      await expect(open(disk)).rejects.toMatchObject({
        kind: 'Unavailable',
        code: 'JOURNAL_FAILED',
      });
    }
    expect(disk.bytes.equals(before)).toBe(true);
  });

  it('groups syncs that are asked for while one runs', async () => {
    const disk = new CrashDisk();
    const journal = await open(disk);
    const begin = disk.calls.length;
    const syncs = Array.from({ length: 20 }, (_, index) => {
      append(journal, String(index));
      return journal.sync();
    });
    await syncs[0];
    append(journal, 'last');
    await Promise.all([...syncs, journal.sync(), journal.sync()]);
    const kinds = disk.calls.slice(begin).map(({ kind }) => kind);
    expect(kinds).toEqual(['write', 'sync', 'write', 'sync']);
  });
});
