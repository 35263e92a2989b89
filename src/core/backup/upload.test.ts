import { afterAll, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { byteStringFromText } from '../base/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import type { ResultOf, StoreFilesTask, WorkerTask } from '../workers/index.ts';
import { fingerprintBytes } from './fingerprint.ts';
import { Upload } from './upload.ts';
import { UploadQueue } from './upload-queue.ts';

const directory = new TemporaryDirectory();
afterAll(() => directory.remove());

it('hands every file out, also to workers that are busy with what others lent them', async () => {
  const queue = new UploadQueue(directory.text(''));
  const names = ['a', 'b', 'c'].map((name) => byteStringFromText(name));
  // Each larger than a batch, so that each is one.
  const size = 64 * 1024 * 1024;
  const fingerprint = new Uint8Array(fingerprintBytes);
  const place = byteStringFromText('/source');
  for (const name of names)
    queue.add(0, { directory: place, name, fingerprint, size, racy: false });
  const read: string[] = [];
  const pool = {
    hasRoom: () => false,
    run: async <T extends WorkerTask>(task: T) => stored(task, read) as ResultOf<T>,
  };
  const results = { add: async () => {} };
  const upload = new Upload({
    paths: [place],
    queue,
    pool,
    results,
    monitor: new CollectingMonitor(),
  });
  upload.pump();
  // As a backup does: it is done when nothing is under way any more.
  while (!upload.isIdle) {
    await upload.progress();
    upload.pump();
  }
  expect(read).toEqual(names);
  expect(queue.pendingCount).toBe(0);
  queue.remove();
});

function stored(task: WorkerTask, read: string[]): ResultOf<StoreFilesTask> {
  if (task.type !== 'store-files') throw new Error(`${task.type} is no task of an upload`);
  read.push(...task.names);
  return {
    type: 'store-files',
    outcomes: new Uint8Array(task.names.length),
    entryLengths: new Uint32Array(task.names.length),
    entries: new Uint8Array(),
    problems: [],
    bytesRead: 0,
    bytesTold: 0,
    bytesNew: 0,
  };
}
