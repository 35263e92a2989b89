import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { toHex } from '../base/index.ts';
import { FileJournal } from '../journal/index.ts';
import { fileOutcomes, type FileOutcome, type StoreFilesResult } from '../workers/index.ts';
import { fingerprintBytes, staleFingerprintOf } from './fingerprint.ts';
import { decodeResults, resultLogNames, Results, type FileResult } from './results.ts';
import { ScanEvents, type ScanEvent } from './scan-events.ts';
import { UploadQueue, type QueuedBatch, type QueuedFile } from './upload-queue.ts';

const random = new SeededRandom('lists');
let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

/** A file with a name of bytes that are no text, and of a length that depends on the number. */
function fileOf(number: number, size = 100): QueuedFile {
  return {
    directory: bytes(`/some\xff/directory ${Math.floor(number / 7)}`),
    name: bytes(`${'\xe9'.repeat(number % 200)}${number}`),
    fingerprint: random.bytes(fingerprintBytes),
    size,
    racy: number % 3 === 0,
  };
}

const plainFile = ({ fingerprint, ...rest }: QueuedFile): object => ({
  ...rest,
  fingerprint: toHex(fingerprint),
});

describe('UploadQueue', () => {
  it('gives files back as they were, class by class, in the order of the tree', () => {
    const queue = new UploadQueue(directory.root);
    const files = Array.from({ length: 20_000 }, (_, number) => fileOf(number, number));
    files.forEach((file, number) => queue.add(3 - (number % 4), file));
    expect(queue.pendingCount).toBe(20_000);
    // So many do not fit into memory.
    expect(existsSync(directory.text('queue-0'))).toBe(true);
    const taken: object[][] = [[], [], [], []];
    const order: number[] = [];
    for (let batch = queue.take(); batch; batch = queue.take()) {
      order.push(batch.priority);
      taken[batch.priority]?.push(...batch.files.map((file) => plainFile(file)));
      expect(batch.files.length).toBeLessThanOrEqual(256);
      expect(batch.bytes).toBe(batch.files.reduce((sum, { size }) => sum + size, 0));
    }
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    for (const priority of [0, 1, 2, 3]) {
      const expected = files.filter((_, number) => 3 - (number % 4) === priority);
      expect(taken[priority]).toEqual(expected.map((file) => plainFile(file)));
    }
    queue.remove();
    expect(existsSync(directory.text('queue-0'))).toBe(false);
  });

  it('ends a batch before it becomes too large, and takes a huge file alone', () => {
    const queue = new UploadQueue(directory.root);
    const mebibyte = 1024 * 1024;
    const sizes = [3, 3, 3, 100, 1, 7, 8, 9].map((size) => size * mebibyte);
    sizes.forEach((size, number) => queue.add(2, fileOf(number, size)));
    const batches: number[][] = [];
    for (let batch = queue.take(); batch; batch = queue.take()) {
      batches.push(batch.files.map(({ size }) => size / mebibyte));
      const left = sizes.length - batches.flat().length;
      expect(queue.pendingCount).toBe(left);
    }
    expect(batches).toEqual([[3, 3], [3], [100], [1, 7], [8], [9]]);
  });

  it('lets the reader follow the writer', () => {
    const queue = new UploadQueue(directory.root);
    const taken: object[] = [];
    const added: object[] = [];
    for (let number = 0; number < 5000; number++) {
      const file = fileOf(number);
      queue.add(1, file);
      added.push(plainFile(file));
      if (number % 3 !== 0) continue;
      taken.push(...(queue.take()?.files ?? []).map((each) => plainFile(each)));
    }
    while (queue.pendingCount > 0)
      taken.push(...(queue.take()?.files ?? []).map((each) => plainFile(each)));
    expect(taken).toEqual(added);
    expect(queue.take()).toBeUndefined();
    queue.remove();
  });

  it('turns to a more urgent class as soon as there is something in it', () => {
    const queue = new UploadQueue(directory.root);
    queue.add(3, fileOf(1));
    queue.add(0, fileOf(2));
    expect(queue.take()?.priority).toBe(0);
    expect(queue.take()?.priority).toBe(3);
    expect(queue.take()).toBeUndefined();
    queue.add(1, fileOf(3));
    expect(queue.take()?.priority).toBe(1);
  });
});

describe('ScanEvents', () => {
  const plain = (event: ScanEvent): object =>
    Object.fromEntries(
      Object.entries(event).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? toHex(value) : value,
      ]),
    );

  function eventOf(number: number): ScanEvent {
    const name = bytes(`${'\xfc'.repeat(number % 250)}${number}`);
    const fingerprint = random.bytes(fingerprintBytes);
    const entry = random.bytes(number % 3000);
    const identity = random.bytes(number % 82);
    const all: readonly ScanEvent[] = [
      { type: 'enter', name },
      { type: 'item', name, fingerprint, entry, identity },
      { type: 'queued', name, fingerprint, priority: number % 4, identity },
      { type: 'linked', name, fingerprint, identity },
      {
        type: 'leave',
        same: number % 2 === 0,
        hash: random.bytes(32),
        knownTree: random.bytes(32),
      },
      { type: 'leave-unreadable' },
    ];
    return all[number % all.length] ?? { type: 'leave-unreadable' };
  }

  it('gives back events as they were, from disk too', () => {
    const events = new ScanEvents(directory.text('scan'));
    const added = Array.from({ length: 5000 }, (_, number) => eventOf(number));
    for (const event of added) events.add(event);
    expect(existsSync(directory.text('scan'))).toBe(true);
    const read: object[] = [];
    for (let event = events.next(); event; event = events.next()) read.push(plain(event));
    expect(read).toEqual(added.map((event) => plain(event)));
    events.remove();
  });

  it('lets the reader wait for the writer, and tells it when there is no more', async () => {
    const events = new ScanEvents(directory.text('scan'));
    const added = Array.from({ length: 3000 }, (_, number) => eventOf(number));
    const read: object[] = [];
    const reading = (async () => {
      for (;;) {
        const event = events.next();
        if (event) read.push(plain(event));
        else if (!(await events.more())) return;
      }
    })();
    for (const [number, event] of added.entries()) {
      events.add(event);
      if (number % 10 !== 0) continue;
      events.announce();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    events.end();
    await reading;
    expect(read).toEqual(added.map((event) => plain(event)));
    events.remove();
  });

  it('loses nothing that was added just before the end, unannounced', async () => {
    const events = new ScanEvents(directory.text('scan'));
    expect(events.next()).toBeUndefined();
    const more = events.more();
    events.add({ type: 'leave-unreadable' });
    events.end();
    expect(await more).toBe(true);
    expect(events.next()).toEqual({ type: 'leave-unreadable' });
    expect(await events.more()).toBe(false);
  });
});

describe('Results', () => {
  const plain = ({ fingerprint, entry, ...rest }: FileResult): object => ({
    ...rest,
    fingerprint: toHex(fingerprint),
    entry: toHex(entry),
  });

  /** A batch, what a worker says of it, and what must be read back. */
  function batchOf(
    first: number,
    count: number,
    priority: number,
  ): {
    readonly batch: QueuedBatch;
    readonly result: StoreFilesResult;
    readonly expected: object[];
  } {
    const files = Array.from({ length: count }, (_, at) => fileOf(first + at));
    const outcomes: FileOutcome[] = files.map(
      (_, at) => fileOutcomes[(first + at) % fileOutcomes.length] ?? 'stored',
    );
    const entries = outcomes.map((outcome, at) =>
      outcome === 'stored' || outcome === 'changed'
        ? random.bytes(1 + ((first + at) % 400))
        : new Uint8Array(0),
    );
    return {
      batch: { priority, files, bytes: 0 },
      result: {
        type: 'store-files',
        outcomes: Uint8Array.from(outcomes, (outcome) => fileOutcomes.indexOf(outcome)),
        entryLengths: Uint32Array.from(entries, ({ byteLength }) => byteLength),
        entries: Buffer.concat(entries),
        problems: [],
        bytesRead: 0,
        bytesTold: 0,
        bytesNew: 0,
      },
      expected: files.map(({ directory: parent, name, fingerprint, racy }, at) =>
        plain({
          directory: parent,
          name,
          // What changed too lately must be read again by whoever takes it up.
          fingerprint: racy ? staleFingerprintOf(fingerprint) : fingerprint,
          outcome: outcomes[at] ?? 'stored',
          entry: entries[at] ?? new Uint8Array(0),
        }),
      ),
    };
  }

  it('gives each class its results in order, while more are added, and logs them', async () => {
    const expected: object[][] = [[], [], [], []];
    const read: object[][] = [[], [], [], []];
    {
      await using results = new Results(directory.root);
      const reading = Promise.all(
        [0, 1, 2, 3].map(async (priority) => {
          for (;;) {
            const next = await results.next(priority);
            if (next === undefined) return;
            read[priority]?.push(plain(next));
          }
        }),
      );
      for (let number = 0; number < 60; number++) {
        const priority = number % 3;
        const made = batchOf(number * 100, 1 + (number % 90), priority);
        await results.add(made.batch, made.result);
        expected[priority]?.push(...made.expected);
      }
      results.end();
      await reading;
    }
    expect(read).toEqual(expected);
    for (const [priority, name] of resultLogNames.entries()) {
      const path = directory.text(name);
      // A class without results has no log.
      expect(existsSync(path)).toBe(priority < 3);
      expect(existsSync(`${path}.list`)).toBe(false);
      if (priority === 3) continue;
      await using log = await FileJournal.open(path);
      const logged: object[] = [];
      for await (const record of log.records())
        for (const result of decodeResults(record)) logged.push(plain(result));
      expect(logged).toEqual(expected[priority]);
    }
  });

  it('keeps what it gave valid while the next comes', async () => {
    await using results = new Results(directory.root);
    const first = batchOf(0, 50, 0);
    const second = batchOf(50, 50, 0);
    await results.add(first.batch, first.result);
    const given: FileResult[] = [];
    for (let count = 0; count < 50; count++) {
      const next = await results.next(0);
      if (next) given.push(next);
    }
    await results.add(second.batch, second.result);
    await results.next(0);
    expect(given.map((result) => plain(result))).toEqual(first.expected);
  });

  it('without any says so once it is over', async () => {
    await using results = new Results(directory.root);
    const next = results.next(2);
    results.end();
    expect(await next).toBeUndefined();
  });
});
