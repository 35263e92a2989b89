import { basename } from 'node:path/posix';
import type { ByteString } from '../base/index.ts';
import { TreePageRule } from '../format/index.ts';
import type { BackupWork, Saved } from './backup-work.ts';
import type { StreamInput } from './options.ts';
import { streamPath } from './snapshot-of.ts';
import { storeStream } from './stream-file.ts';
import { wrapInPath } from './wrap-in-path.ts';

/** Saves standard input, or what a command prints, as one file. Its failure leaves no snapshot. */
export async function saveStream(work: BackupWork, input: StreamInput): Promise<Saved> {
  const { pool, trees, session, repository, context, startMs } = work;
  const path = streamPath(input.name);
  // It belongs to whoever saves it, as it would if it had been written to a file first.
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const file = await storeStream({
    stream: input.stream,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a part of a byte string
    name: basename(path) as ByteString,
    pool,
    trees,
    mtimeSeconds: Math.floor(startMs / 1000),
    uid,
    gid,
    onBytes: (bytes) => context.monitor.count('bytesDone', bytes),
  });
  await input.finished;
  context.signal?.throwIfAborted();
  await pool.lentBlocksDone();
  await pool.runOnAll({ type: 'flush' });
  await session.settle();
  const rule = new TreePageRule(repository.keys.pageKey());
  const root = wrapInPath(file.entry, path, {
    rule,
    storePage: (page) => trees.put('tree', page),
    startMs,
  });
  return {
    root,
    counts: {
      filesNew: 1,
      filesChanged: 0,
      filesUnchanged: 0,
      dirs: 0,
      others: 0,
      problems: 0,
      bytesScanned: file.bytes,
      bytesRead: file.bytes,
      bytesNew: file.bytesNew,
    },
    bytes: file.bytes,
    missing: [],
    uids: new Set([uid]),
    gids: new Set([gid]),
    stop: undefined,
  };
}
