import { displayPath, byteStringOf, type ByteString } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import type { RestoreTarget } from '../files/index.ts';
import { decodeEntry, decodeXattrs, type TreeEntry } from '../format/index.ts';
import { metadataOf } from '../workers/index.ts';
import { MetadataMisses } from './metadata-misses.ts';
import type { RestorePlan } from './plan.ts';
import { reportProblem, type RestoreWork } from './restore-work.ts';

/**
 * What comes after the content: symlinks and special files, then hard links, then the metadata of
 * directories from the deepest up, so that nothing changes their times any more.
 */
export function finishTree(work: RestoreWork, target: RestoreTarget, plan: RestorePlan): void {
  const misses = new MetadataMisses();
  for (let number = 0; number < plan.others.count; number++) {
    const { path, entry, extra } = plan.others.at(number);
    attempt(work, () => {
      const decoded = withXattrs(entry, extra);
      makeOther(target, path, decoded);
      applyMetadata(work, target, path, decoded, misses);
    });
  }
  for (const { path, first } of plan.links) {
    attempt(work, () => target.makeHardLink(path, first));
  }
  for (let number = plan.directories.count - 1; number >= 0; number--) {
    const { path, entry, extra } = plan.directories.at(number);
    const kept = isAbove(path, work) ? new MetadataMisses() : misses;
    attempt(work, () => applyMetadata(work, target, path, withXattrs(entry, extra), kept));
  }
  for (const problem of misses.problems()) reportProblem(work, problem);
}

/** Directories that only lead to what was saved: `/home` belongs to root, and nobody asked for it. */
function isAbove(path: ByteString, { options }: RestoreWork): boolean {
  if (options.path !== undefined) return false;
  return options.snapshot.paths.some((saved) => saved.startsWith(`/${path}/`));
}

/** `large`: encoded attributes that do not stand in the entry, if there are any. */
function withXattrs(encoded: Uint8Array, large: Uint8Array): TreeEntry {
  const entry = decodeEntry(encoded);
  return large.byteLength === 0 ? entry : { ...entry, xattrs: decodeXattrs(large) };
}

function makeOther(target: RestoreTarget, path: ByteString, entry: TreeEntry): void {
  switch (entry.kind) {
    case 'symlink':
      target.makeSymlink(path, byteStringOf(entry.target ?? new Uint8Array(0)));
      return;
    case 'fifo':
    case 'character-device':
    case 'block-device':
    case 'socket': {
      const [major, minor] = entry.device ?? [0, 0];
      target.makeSpecial(path, entry.kind, { major, minor });
      return;
    }
    default:
      throw new VersionsError(
        'Internal',
        'KIND_UNEXPECTED',
        `${displayPath(path)} is a ${entry.kind}`,
      );
  }
}

// oxlint-disable-next-line max-params -- private
function applyMetadata(
  work: RestoreWork,
  target: RestoreTarget,
  path: ByteString,
  entry: TreeEntry,
  misses: MetadataMisses,
): void {
  const { settings, options } = work;
  const metadata = metadataOf(entry, undefined, settings);
  const missed = target.applyMetadata(path, metadata, { owner: options.owner, xattrs: true });
  for (const { part, detail } of missed) misses.add(path, { part, detail });
}

function attempt(work: RestoreWork, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isVersionsError(error, 'Source', 'Corrupt')) throw error;
    reportProblem(work, error);
  }
}
