import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoriesSync } from '../base/index.ts';
import type { Context, Repository } from '../repository/index.ts';
import { LinkTable } from './link-table.ts';
import { openLocalState } from './open-local-state.ts';
import type { BackupOptions, BackupSummary } from './options.ts';
import { ScanEvents } from './scan-events.ts';
import { scanOptionsOf } from './scan-options.ts';
import { Scan } from './scan.ts';
import { sourceIdOf } from './snapshot-of.ts';
import { UploadQueue } from './upload-queue.ts';

const sliceMs = 50;

/** What a backup would do, without reading a file or writing anything that stays. */
export async function dryRun(
  repository: Repository,
  options: BackupOptions,
  context: Context,
): Promise<BackupSummary> {
  const { clock } = context;
  const began = clock.elapsed();
  await repository.loadIndex(context.signal);
  using state = await openLocalState(repository);
  makeDirectoriesSync(repository.cacheDir);
  const directory = mkdtempSync(join(repository.cacheDir, 'dry-run-'));
  try {
    const source = sourceIdOf(repository, options);
    using links = new LinkTable(join(directory, 'links.db'));
    const scan = new Scan({
      ...scanOptionsOf(repository, options, context, source),
      state,
      links,
      storeXattrs: () => new Uint8Array(32),
      events: new ScanEvents(join(directory, 'scan')),
      queue: new UploadQueue(directory),
    });
    while (!scan.done) {
      context.signal?.throwIfAborted();
      scan.advance(sliceMs, () => clock.elapsed());
      await new Promise((resolve) => void setImmediate(resolve));
    }
    const { counts } = scan;
    return {
      partial: false,
      filesNew: counts.filesNew,
      filesChanged: counts.filesChanged,
      filesUnchanged: counts.filesUnchanged,
      dirs: counts.dirs,
      others: counts.others,
      problems: counts.problems,
      bytesScanned: counts.bytes,
      bytesRead: 0,
      bytesNew: counts.bytesQueued,
      bytesStored: 0,
      durationMs: Math.round(clock.elapsed() - began),
      debts: 0,
      mirrorsBehind: [],
      missingPaths: scan.missing.length,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
