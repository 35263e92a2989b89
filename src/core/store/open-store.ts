import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock, systemRandom } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { DirectoryStore, type DirectoryStoreOptions } from './directory-store.ts';
import { LimitedStore } from './limited-store.ts';
import type { ObjectStore } from './object-store.ts';
import { RetryingStore } from './retrying-store.ts';
import type { StoreCredentials } from './s3-client.ts';
import { S3Store } from './s3-store.ts';

export interface OpenStoreOptions extends DirectoryStoreOptions {
  /** What a path is relative to; else the directory that the process works in. */
  readonly relativeTo?: string | undefined;
  /** For buckets; else what the AWS tools would use. */
  readonly credentials?: StoreCredentials | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Opens the store that a mirror's `url` names: a path, `file:///path`, `s3://bucket/prefix?…`. A
 * bucket comes with everything that a network asks for: calls limited, and tried again. Errors:
 * `Usage` (STORE_URL_INVALID), `Unsupported` (STORE_KIND_UNSUPPORTED), and those of the store.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  if (/^s3:\/\//i.test(url)) return openBucket(url, options);
  const path = pathOf(url);
  const { relativeTo, ...rest } = options;
  const full = relativeTo === undefined || isAbsolute(path) ? path : join(relativeTo, path);
  return DirectoryStore.open(full, rest);
}

/** A store that never answered is given up sooner than one that only stopped to. */
const patience = {
  attemptsMax: 60,
  // Longer than a call that stalls: that is tried again once.
  totalMsMax: 90_000,
  firstMsMax: 15_000,
  unreachedMsMax: 3_000,
  delayMs: 250,
  delayMsMax: 10_000,
};

function openBucket(url: string, options: OpenStoreOptions): ObjectStore {
  const { clock = systemClock, random = systemRandom } = options;
  const store = S3Store.open(url, options);
  return new RetryingStore(new LimitedStore(store), { ...patience, clock, random });
}

/** `scheme://…`, and the short forms of other backup programs, `scheme:…`. */
const schemePattern = /^([a-z][a-z0-9+.-]*):\/\/|^(s3|b2|gs|azure|swift|sftp|rest|rclone|file):/i;

function pathOf(url: string): string {
  if (url === '') throw invalid('is empty');
  if (url.includes('\0')) throw invalid('contains a NUL character');
  const match = schemePattern.exec(url);
  if (match === null) return url;
  const scheme = (match[1] ?? match[2] ?? '').toLowerCase();
  if (scheme === 'file') return filePathOf(url);
  if (scheme === 's3') throw invalid('begins with s3: and not with s3://BUCKET');
  // Only the scheme is shown: the rest may hold credentials.
  throw new VersionsError(
    'Unsupported',
    'STORE_KIND_UNSUPPORTED',
    `This version of Versions has no stores of the kind ${scheme}:`,
    {
      hint: `Name a directory or a bucket: a path, file:///path or s3://BUCKET/PREFIX; a directory whose name begins with "${scheme}:" is written "./${scheme}:…"`,
      context: { scheme },
    },
  );
}

function filePathOf(url: string): string {
  // `file:name` would be read as `/name`.
  if (!/^file:\/\//i.test(url)) throw invalid('is not of the form file:///path');
  try {
    const parsed = new URL(url);
    if (parsed.search !== '' || parsed.hash !== '') {
      throw invalid('has a "?" or "#"; write them as %3F and %23');
    }
    const path = fileURLToPath(parsed);
    if (path.includes('\0')) throw invalid('contains a NUL character');
    return path;
  } catch (error) {
    if (error instanceof VersionsError) throw error;
    throw invalid('is not of the form file:///path', error);
  }
}

function invalid(what: string, cause?: unknown): VersionsError {
  return new VersionsError('Usage', 'STORE_URL_INVALID', `The URL of a mirror ${what}`, {
    hint: 'Write a path or file:///path; `versions config show` shows the URLs of the mirrors',
    cause,
  });
}
