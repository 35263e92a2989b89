import { byteStringFromText, type ByteString } from '../base/index.ts';
import { IgnoreRules, parseExclude, type WalkOptions } from '../files/index.ts';
import type { Context, Repository } from '../repository/index.ts';
import type { BackupOptions } from './options.ts';
import type { ScanOptions } from './scan.ts';

/** What a scan needs that follows from the options of the backup. */
export function scanOptionsOf(
  repository: Repository,
  options: BackupOptions,
  context: Context,
  source: Uint8Array,
): Omit<ScanOptions, 'state' | 'links' | 'storeXattrs' | 'events' | 'queue'> {
  const startMs = context.clock.now();
  return {
    paths: options.paths,
    walk: walkOptionsOf(options),
    source,
    force: options.force,
    resume: !options.force || options.cutShort !== undefined,
    isStored: (id) => repository.index.locate(id),
    identities: repository.keys.identities,
    shownAs: (path) => shownAs(path, options),
    start: { seconds: Math.floor(startMs / 1000), nanos: (startMs % 1000) * 1_000_000 },
    monitor: context.monitor,
  };
}

/** Where a path of the source appears in the snapshot. */
export function shownAs(path: ByteString, { as, paths }: BackupOptions): ByteString {
  const [only] = paths;
  if (as === undefined || only === undefined || !path.startsWith(only)) return path;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- joined from byte strings
  return `${as}${path.slice(only.length)}` as ByteString;
}

function walkOptionsOf(options: BackupOptions): WalkOptions {
  return {
    rules: IgnoreRules.of(options.excludes.map((pattern) => parseExclude(pattern))),
    ignoreFiles: true,
    oneFileSystem: options.oneFileSystem,
    excludeIfPresent: options.excludeIfPresent.map((name) => byteStringFromText(name)),
    excludeCaches: options.excludeCaches,
    excludeLargerThan: options.excludeLargerThan,
    never: options.neverEnter,
  };
}
